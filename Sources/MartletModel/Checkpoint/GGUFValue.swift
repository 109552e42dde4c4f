/// A metadata value of a GGUF file. Arrays stay in the file; `GGUFFile` decodes them on demand.
enum GGUFValue: Sendable, Equatable {
  case unsigned(UInt64)
  case signed(Int64)
  case float(Double)
  case bool(Bool)
  case string(String)
  /// Element type number, element count, byte range of the elements.
  case array(type: UInt32, count: Int, range: Range<Int>)

  /// Bytes of a fixed-size scalar of this GGUF value type; nil for strings and arrays.
  static func size(ofType type: UInt32) -> Int? {
    switch type {
    case 0, 1, 7: 1
    case 2, 3: 2
    case 4, 5, 6: 4
    case 10, 11, 12: 8
    default: nil
    }
  }
}
