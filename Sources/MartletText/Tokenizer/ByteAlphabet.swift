/// GPT-2's printable form of bytes: each byte has one character.
enum ByteAlphabet {
  /// Character of each byte.
  static let scalars: [Unicode.Scalar] = {
    var result: [Unicode.Scalar] = []
    var next: UInt32 = 256
    for byte in UInt32(0)..<256 {
      let printable = (33...126).contains(byte) || (161...172).contains(byte) || (174...255).contains(byte)
      result.append(Unicode.Scalar(printable ? byte : next) ?? " ")
      if !printable { next += 1 }
    }
    return result
  }()

  private static let bytes: [Unicode.Scalar: UInt8] = Dictionary(
    uniqueKeysWithValues: scalars.enumerated().map { ($1, UInt8($0)) })

  /// The bytes of a spelling; nil when it has a character that stands for none.
  static func bytes(of spelling: ArraySlice<UInt8>) -> [UInt8]? {
    // ASCII spellings, most of a vocabulary, map to themselves but for the range's edges.
    if spelling.allSatisfy({ $0 >= 33 && $0 <= 126 }) { return Array(spelling) }
    var result: [UInt8] = []
    result.reserveCapacity(spelling.count)
    for scalar in String(decoding: spelling, as: UTF8.self).unicodeScalars {
      guard let byte = bytes[scalar] else { return nil }
      result.append(byte)
    }
    return result
  }
}
