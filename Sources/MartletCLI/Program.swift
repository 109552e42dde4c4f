import ArgumentParser
import Foundation
import Martlet

@main enum Program {
  /// The machine or its set-up does not allow what was asked for: a supervisor need not try again (`EX_CONFIG`).
  private static let configurationError: Int32 = 78

  static func main() async {
    do {
      var command = try MartletCommand.parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch let error as MartletError where error.kind == .machine {
      Terminal.note("error: \(error)")
      exit(configurationError)
    } catch { MartletCommand.exit(withError: error) }
  }
}
