/// Languages of decimal spellings without an exponent. A value has all its spellings ("1", "1.0", "1.00") or none.
struct NumberLanguage {
  let decimal: RegularID
  let integer: RegularID
  private let digit: RegularID
  private let digits: RegularID
  private let unsigned: RegularID
  private let minus: RegularID
  private let point: RegularID
  private let zeroFraction: RegularID
  private let fraction: RegularID

  init(_ arena: inout RegularArena, _ lexemes: JSONLexemes) {
    digit = arena.bytes(ByteSet(0x30...0x39))
    digits = arena.star(digit)
    minus = arena.literal("-", .plain)
    point = arena.literal(".", .plain)
    let zeros = arena.plus(arena.literal("0", .plain))
    zeroFraction = arena.optional(arena.sequence(point, zeros))
    fraction = arena.optional(arena.sequence(point, arena.plus(digit)))
    let whole = arena.choice(
      arena.literal("0", .plain), arena.sequence(arena.bytes(ByteSet(0x31...0x39)), digits))
    unsigned = arena.sequence(whole, fraction)
    decimal = arena.sequence(lexemes.integer, fraction)
    integer = arena.sequence(lexemes.integer, zeroFraction)
  }

  /// Digits of a decimal number, without leading zeros before and trailing zeros behind the point.
  struct Digits {
    var isNegative = false
    var whole: [UInt8] = []
    var fraction: [UInt8] = []

    /// Nil for what is no finite number.
    init?(_ value: JSONValue) {
      let text: String
      switch value {
      case .int(let number): text = String(number)
      case .double(let number) where number.isFinite: text = "\(number)"
      default: return nil
      }
      var rest = Array(text.utf8)[...]
      if rest.first == UInt8(ascii: "-") {
        isNegative = true
        rest.removeFirst()
      }
      let parts = rest.split(whereSeparator: { $0 == UInt8(ascii: "e") || $0 == UInt8(ascii: "E") })
      guard let mantissa = parts.first else { return nil }
      let exponent = parts.count > 1 ? Int(String(decoding: parts[1], as: UTF8.self)) ?? 0 : 0
      let halves = mantissa.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      whole = halves[0].map { $0 - 0x30 }
      fraction = halves.count > 1 ? halves[1].map { $0 - 0x30 } : []
      guard abs(exponent) < 400 else { return nil }
      for _ in 0..<max(0, exponent) { whole.append(fraction.isEmpty ? 0 : fraction.removeFirst()) }
      for _ in 0..<max(0, -exponent) { fraction.insert(whole.popLast() ?? 0, at: 0) }
      while whole.first == 0 { whole.removeFirst() }
      while fraction.last == 0 { fraction.removeLast() }
    }

    var isZero: Bool { whole.isEmpty && fraction.isEmpty }
  }

  /// Every spelling of one value.
  func equal(_ value: Digits, _ arena: inout RegularArena) -> RegularID {
    var text = (value.whole.isEmpty ? [0] : value.whole).map { $0 + 0x30 }
    let tail: RegularID
    if value.fraction.isEmpty {
      tail = zeroFraction
    } else {
      text.append(UInt8(ascii: "."))
      text += value.fraction.map { $0 + 0x30 }
      tail = arena.star(arena.literal("0", .plain))
    }
    let magnitude = arena.sequence(arena.literal(text), tail)
    if value.isZero { return arena.sequence(arena.optional(minus), magnitude) }
    return value.isNegative ? arena.sequence(minus, magnitude) : magnitude
  }

  /// Values of at least `bound`, or greater ones.
  func atLeast(_ bound: Digits, strictly: Bool, _ arena: inout RegularArena) -> RegularID {
    if bound.isNegative, !bound.isZero {
      // -y >= -b where y <= b.
      let above = magnitudeAtLeast(bound, strictly: !strictly, &arena)
      let below = arena.all(unsigned, arena.not(above))
      return arena.choice(unsigned, arena.sequence(minus, below))
    }
    let positive = magnitudeAtLeast(bound, strictly: strictly, &arena)
    if bound.isZero, !strictly {
      let zero = arena.sequence([minus, arena.literal("0", .plain), zeroFraction])
      return arena.choice(positive, zero)
    }
    return positive
  }

  /// Values of at most `bound`, or smaller ones.
  func atMost(_ bound: Digits, strictly: Bool, _ arena: inout RegularArena) -> RegularID {
    let above = atLeast(bound, strictly: !strictly, &arena)
    return arena.all(decimal, arena.not(above))
  }

  private func magnitudeAtLeast(_ bound: Digits, strictly: Bool, _ arena: inout RegularArena) -> RegularID {
    let whole = bound.whole.isEmpty ? [0] : bound.whole
    let count = Int32(whole.count)
    let nonzero = arena.bytes(ByteSet(0x31...0x39))
    var options: [RegularID] = []
    // More digits before the point.
    options.append(
      arena.sequence([nonzero, arena.repetition(digit, minimum: count, maximum: nil), fraction]))
    var prefix: [UInt8] = []
    for (index, value) in whole.enumerated() {
      if value < 9 {
        let greater = arena.bytes(ByteSet((value + 1 + 0x30)...0x39))
        let rest = arena.repetition(digit, minimum: count - Int32(index) - 1, maximum: count - Int32(index) - 1)
        options.append(arena.sequence([arena.literal(prefix), greater, rest, fraction]))
      }
      prefix.append(value + 0x30)
    }
    options.append(
      arena.sequence(arena.literal(prefix), fractionAtLeast(bound.fraction, strictly: strictly, &arena)))
    return arena.choice(options)
  }

  private func fractionAtLeast(_ bound: [UInt8], strictly: Bool, _ arena: inout RegularArena) -> RegularID {
    let zeros = arena.star(arena.literal("0", .plain))
    let positive = arena.sequence([zeros, arena.bytes(ByteSet(0x31...0x39)), digits])
    if bound.isEmpty { return strictly ? arena.sequence(point, positive) : fraction }
    var options: [RegularID] = []
    var prefix: [UInt8] = [UInt8(ascii: ".")]
    for value in bound {
      if value < 9 {
        options.append(
          arena.sequence([arena.literal(prefix), arena.bytes(ByteSet((value + 1 + 0x30)...0x39)), digits]))
      }
      prefix.append(value + 0x30)
    }
    options.append(arena.sequence(arena.literal(prefix), strictly ? positive : digits))
    return arena.choice(options)
  }

  /// Multiples of a decimal; nil when the automaton would be too large.
  func multiple(of divisor: Digits, _ arena: inout RegularArena) -> RegularID? {
    var modulus = 0
    for value in divisor.whole + divisor.fraction {
      modulus = modulus * 10 + Int(value)
      guard modulus <= 4_096 else { return nil }
    }
    let places = divisor.fraction.count
    guard modulus > 0, modulus * (places + 1) <= 8_192 else { return nil }
    // States: 0 before the first digit, then (places, residue), then the zeros behind the last place.
    let zeros = 1 + modulus * (places + 1)
    var transitions = [Int32](repeating: -1, count: (zeros + 1) * 256)
    var accepting = [Bool](repeating: false, count: zeros + 1)
    func state(_ place: Int, _ residue: Int) -> Int { 1 + place * modulus + residue }
    var scale = [Int](repeating: 1 % modulus, count: places + 1)
    for index in stride(from: places - 1, through: 0, by: -1) { scale[index] = scale[index + 1] * 10 % modulus }
    for value in 0..<10 {
      transitions[0x30 + value] = Int32(state(0, value % modulus))
      for place in 0...places {
        for residue in 0..<modulus {
          let from = state(place, residue) * 256
          accepting[state(place, residue)] = residue * scale[place] % modulus == 0
          let next = (residue * 10 + value) % modulus
          if place == 0 { transitions[from + 0x30 + value] = Int32(state(0, next)) }
          if place > 0, place < places { transitions[from + 0x30 + value] = Int32(state(place + 1, next)) }
          if place == places, place > 0, residue == 0, value == 0 { transitions[from + 0x30] = Int32(zeros) }
        }
      }
    }
    accepting[zeros] = true
    transitions[zeros * 256 + 0x30] = Int32(zeros)
    // The sign and the point are put around by intersection with the decimals, digits alone decide here.
    return languageOfDigits(transitions, accepting, modulus, places, &arena)
  }

  /// Joins the digits before and behind the point: the point itself keeps the residue.
  private func languageOfDigits(
    _ transitions: [Int32], _ accepting: [Bool], _ modulus: Int, _ places: Int, _ arena: inout RegularArena
  ) -> RegularID {
    // The point leads to a copy of each residue that must read a digit next.
    var table = transitions
    var accepts = accepting
    let first = accepting.count
    let zeros = accepting.count - 1
    for residue in 0..<modulus {
      let from = 1 + residue
      let copy = first + residue
      table[from * 256 + Int(UInt8(ascii: "."))] = Int32(copy)
      table += [Int32](repeating: -1, count: 256)
      accepts.append(false)
      for value in 0..<10 {
        if places > 0 {
          table[copy * 256 + 0x30 + value] = Int32(1 + modulus + (residue * 10 + value) % modulus)
        } else if residue == 0, value == 0 {
          table[copy * 256 + 0x30] = Int32(zeros)
        }
      }
    }
    let trimmed = ByteTable.trimmed(table, accepts)
    return arena.sequence(arena.optional(minus), arena.all(arena.table(trimmed), unsigned))
  }
}
