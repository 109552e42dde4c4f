/// Finds a text in others by code points, in linear time (Knuth, Morris and Pratt).
struct TemplateSearch {
  private let part: [UInt8]
  private let reversedPart: [UInt8]

  init(_ part: String) {
    self.part = Array(part.utf8)
    reversedPart = self.part.reversed()
  }

  /// Byte offsets of non-overlapping occurrences from the left; an empty text is between all characters.
  func places(in text: String, limit: Int = .max) -> [Int] {
    let bytes = Array(text.utf8)
    guard !part.isEmpty else {
      return Array((0...bytes.count).lazy.filter { $0 == bytes.count || bytes[$0] & 0xC0 != 0x80 }.prefix(limit))
    }
    return Self.places(of: part, in: bytes, limit: limit)
  }

  /// The same from the right, in ascending order.
  func lastPlaces(in text: String, limit: Int = .max) -> [Int] {
    guard !part.isEmpty else { return places(in: text).suffix(limit) }
    let bytes = Array(text.utf8)
    return Self.places(of: reversedPart, in: bytes.reversed(), limit: limit).map { bytes.count - $0 - part.count }
      .reversed()
  }

  func first(in text: String) -> Int? { places(in: text, limit: 1).first }

  private static func places(of part: [UInt8], in bytes: [UInt8], limit: Int) -> [Int] {
    var places: [Int] = []
    guard part.count <= bytes.count, limit > 0 else { return places }
    let fallback = borders(of: part)
    var matched = 0
    for (index, byte) in bytes.enumerated() {
      while matched > 0, part[matched] != byte { matched = fallback[matched - 1] }
      if part[matched] == byte { matched += 1 }
      guard matched == part.count else { continue }
      places.append(index + 1 - matched)
      if places.count == limit { break }
      matched = 0
    }
    return places
  }

  /// For each prefix, the length of its longest proper border.
  private static func borders(of part: [UInt8]) -> [Int] {
    var borders = [Int](repeating: 0, count: part.count)
    var length = 0
    for index in part.indices.dropFirst() {
      while length > 0, part[index] != part[length] { length = borders[length - 1] }
      if part[index] == part[length] { length += 1 }
      borders[index] = length
    }
    return borders
  }
}
