@testable import MartletText

/// The documents that spell one JSON value: members in every order (of at most a few thousand), whole numbers with and
/// without a fraction.
enum InstanceSpellings {
  private static let limit = 2_000

  static func all(of value: JSONValue) -> [[UInt8]] {
    switch value {
    case .array(let items):
      return joined(items.map { all(of: $0) }, open: "[", close: "]")
    case .object(let object):
      return orders(object.keys).flatMap { order in
        let members = order.map { key in
          all(of: object[key] ?? .null).map { JSONValue.string(key).serialized() + Array(": ".utf8) + $0 }
        }
        return joined(members, open: "{", close: "}")
      }
    case .double(let number):
      guard number == number.rounded(), abs(number) < 1e18 else { return [value.serialized()] }
      return [Array(String(Int64(number)).utf8), value.serialized()]
    default: return [value.serialized()]
    }
  }

  private static func joined(_ parts: [[[UInt8]]], open: String, close: String) -> [[UInt8]] {
    var texts: [[UInt8]] = [Array(open.utf8)]
    for (index, spellings) in parts.enumerated() {
      let comma = index == 0 ? [] : Array(", ".utf8)
      texts = Array(texts.flatMap { text in spellings.map { text + comma + $0 } }.prefix(limit))
    }
    return texts.map { $0 + Array(close.utf8) }
  }

  private static func orders(_ keys: [String]) -> [[String]] {
    var result: [[String]] = [[]]
    for key in keys {
      result = Array(
        result.flatMap { order in
          (0...order.count).map { place in
            var longer = order
            longer.insert(key, at: place)
            return longer
          }
        }.prefix(limit))
    }
    return result
  }
}
