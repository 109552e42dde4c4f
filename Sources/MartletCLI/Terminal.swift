import Foundation
import Martlet

/// The program's text output: results on standard output, everything for people on standard error.
enum Terminal {
  static func out(_ text: String, terminator: String = "\n") { out(Data((text + terminator).utf8)) }

  /// Ends the program when nobody reads its results any more, as `| head` does.
  static func out(_ data: Data) {
    do { try FileHandle.standardOutput.write(contentsOf: data) } catch { exit(EXIT_FAILURE) }
  }

  static func note(_ text: String, terminator: String = "\n") {
    try? FileHandle.standardError.write(contentsOf: Data((text + terminator).utf8))
  }

  /// What is to be known about the choice of a device.
  static func note(_ device: DeviceSelection) { if let text = device.note { note(text) } }

  static var notesArePeople: Bool { isatty(STDERR_FILENO) == 1 }
  static var inputIsTerminal: Bool { isatty(STDIN_FILENO) == 1 }
}
