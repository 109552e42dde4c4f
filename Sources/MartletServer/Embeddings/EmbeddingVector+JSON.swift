import Foundation
import MartletCore
import MartletText

extension EmbeddingVector {
  /// A list of numbers, each in the fewest digits that give its float32 back.
  var json: JSONValue { .array(values.map { .double(Double($0.description) ?? Double($0)) }) }

  /// Little-endian float32 values in base64.
  var base64: JSONValue {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(4 * values.count)
    for value in values {
      for shift in [0, 8, 16, 24] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift)) }
    }
    return .string(Data(bytes).base64EncodedString())
  }
}
