/// Lengths of UTF-8 sequences.
enum UTF8Length {
  /// Bytes of the sequence that `lead` begins; 1 for bytes that begin none.
  @inline(__always)
  static func of(_ lead: UInt8) -> Int { lead < 0xC0 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2 }
}
