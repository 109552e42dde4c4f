/// Random request ids.
enum Identifier {
  static func make(_ prefix: String) -> String {
    let hex = (0..<2).map { _ in
      let digits = String(UInt64.random(in: .min ... .max), radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }
    return prefix + hex.joined()
  }
}
