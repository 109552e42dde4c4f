import Hummingbird

/// The parts of a `multipart/form-data` body (RFC 7578), the file's bytes left where they are.
struct MultipartForm: Sendable {
  struct Part: Sendable {
    let fileName: String?
    let content: Range<Int>
  }

  private static let maxParts = 32
  private static let maxHeaderBytes = 4096

  let bytes: [UInt8]
  private(set) var parts: [String: Part] = [:]

  /// - Parameter contentType: the request's header, which names the boundary.
  /// - Complexity: O(bytes).
  init(_ bytes: [UInt8], contentType: String?) throws(APIError) {
    guard let contentType, contentType.lowercased().hasPrefix("multipart/form-data"),
      let boundary = Self.parameter("boundary", of: contentType), (1...70).contains(boundary.utf8.count)
    else { throw APIError(.badRequest, "Content-Type must be multipart/form-data with a boundary") }
    self.bytes = bytes
    let opening = Array("--\(boundary)".utf8), delimiter = [0x0D, 0x0A] + opening
    guard bytes.starts(with: opening) else { throw Self.malformed("does not begin with its boundary") }
    var position = opening.count
    while true {
      if bytes[position...].starts(with: [0x2D, 0x2D]) { return }
      guard bytes[position...].starts(with: [0x0D, 0x0A]) else { throw Self.malformed("has text behind a boundary") }
      guard let headerEnd = Self.find([0x0D, 0x0A, 0x0D, 0x0A], in: bytes, from: position),
        headerEnd - position <= Self.maxHeaderBytes
      else { throw Self.malformed("has a part without a header's end") }
      let content = headerEnd + 4
      guard let end = Self.find(delimiter, in: bytes, from: content) else {
        throw Self.malformed("ends inside a part")
      }
      let header = String(decoding: bytes[position..<headerEnd], as: UTF8.self)
      if let (name, fileName) = Self.names(header) {
        parts[name] = Part(fileName: fileName, content: content..<end)
        guard parts.count <= Self.maxParts else { throw Self.malformed("has more than \(Self.maxParts) parts") }
      }
      position = end + delimiter.count
    }
  }

  /// The text of a field; nil when it is not there.
  func text(_ name: String) -> String? {
    parts[name].map { String(decoding: bytes[$0.content], as: UTF8.self) }
  }

  private static func malformed(_ what: String) -> APIError { APIError(.badRequest, "the multipart body \(what)") }

  private static func names(_ header: String) -> (String, String?)? {
    for line in header.split(whereSeparator: \.isNewline) {
      guard line.lowercased().hasPrefix("content-disposition:"), let name = parameter("name", of: String(line)) else {
        continue
      }
      return (name, parameter("filename", of: String(line)))
    }
    return nil
  }

  /// A parameter of a header's value, quoted or not.
  private static func parameter(_ name: String, of value: String) -> String? {
    for piece in value.split(separator: ";").dropFirst() {
      let pair = piece.split(separator: "=", maxSplits: 1)
      guard pair.count == 2, pair[0].filter({ $0 != " " }).lowercased() == name else { continue }
      return String(pair[1].filter { $0 != "\"" && !$0.isNewline })
    }
    return nil
  }

  private static func find(_ pattern: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
    guard let first = pattern.first, start + pattern.count <= bytes.count else { return nil }
    let last = bytes.count - pattern.count
    var index = start
    while index <= last {
      guard let candidate = bytes[index...last].firstIndex(of: first) else { return nil }
      if bytes[candidate..<(candidate + pattern.count)].elementsEqual(pattern) { return candidate }
      index = candidate + 1
    }
    return nil
  }
}
