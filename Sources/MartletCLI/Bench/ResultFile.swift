import Foundation

/// A file of results in JSON Lines, to which runs append.
struct ResultFile {
  let path: String

  /// - Throws: when the file cannot be written.
  func append(_ line: some Sequence<UInt8>) throws {
    if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(fileURLWithPath: path)) }
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    defer { try? file.close() }
    try file.seekToEnd()
    try file.write(contentsOf: Data(line) + [UInt8(ascii: "\n")])
  }
}
