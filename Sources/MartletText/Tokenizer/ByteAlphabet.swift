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

  /// Byte of each character below U+0144, -1 where it stands for none.
  private static let bytes: [Int16] = {
    var result = [Int16](repeating: -1, count: 0x144)
    for (byte, scalar) in scalars.enumerated() { result[Int(scalar.value)] = Int16(byte) }
    return result
  }()

  /// Writes the bytes of a spelling; false when it has a character that stands for none.
  static func bytes(of spelling: ArraySlice<UInt8>, into result: inout [UInt8]) -> Bool {
    result.removeAll(keepingCapacity: true)
    var index = spelling.startIndex
    while index < spelling.endIndex {
      let lead = spelling[index]
      var value = Int(lead)
      // The alphabet ends below U+0144: one or two bytes of UTF-8.
      if lead >= 0x80 {
        guard lead & 0xE0 == 0xC0, index + 1 < spelling.endIndex else { return false }
        value = (value & 0x1F) << 6 | Int(spelling[index + 1] & 0x3F)
        index += 1
      }
      guard value < bytes.count, bytes[value] >= 0 else { return false }
      result.append(UInt8(truncatingIfNeeded: bytes[value]))
      index += 1
    }
    return true
  }
}
