import Foundation

/// Runs normalisation steps over text.
struct TextNormalizer: Sendable {
  private let steps: [NormalizationStep]
  /// The compiled expression of each step that has one.
  private let patterns: [PatternSplitter?]
  /// Every step leaves ASCII text as it is.
  private let keepsASCII: Bool
  /// The steps are SentencePiece's: a mark in front, where `marksFront`, and marks for spaces.
  private let marksSpaces: Bool
  private let marksFront: Bool

  init(_ steps: [NormalizationStep]) throws(TokenizerError) {
    self.steps = steps
    var patterns: [PatternSplitter?] = []
    var keepsASCII = true
    for step in steps {
      switch step {
      case .composed, .decomposed, .compatiblyComposed, .compatiblyDecomposed, .accentsStripped: patterns.append(nil)
      case .patternReplaced(let pattern, _):
        patterns.append(try PatternSplitter(pattern))
        keepsASCII = false
      case .lowercased, .prepended, .replaced, .whitespaceStripped, .mapped:
        patterns.append(nil)
        keepsASCII = false
      }
    }
    self.patterns = patterns
    self.keepsASCII = keepsASCII
    func isMark(_ step: NormalizationStep?) -> Bool {
      if case .replaced([0x20], by: SpaceMark.bytes) = step { true } else { false }
    }
    if steps.count == 2, case .prepended(SpaceMark.bytes) = steps[0], isMark(steps[1]) {
      (marksSpaces, marksFront) = (true, true)
    } else {
      (marksSpaces, marksFront) = (steps.count == 1 && isMark(steps.first), false)
    }
  }

  /// Whether `text` stays as it is.
  func keeps(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    unsafe steps.isEmpty || keepsASCII && text.allSatisfy { $0 < 0x80 }
  }

  /// Whether `text` loses whitespace at its front.
  func stripsFront(of text: UnsafeBufferPointer<UInt8>) -> Bool {
    let strips = steps.contains { if case .whitespaceStripped(left: true, _) = $0 { true } else { false } }
    guard strips else { return false }
    return unsafe String(decoding: text.prefix(4), as: UTF8.self).unicodeScalars.first?.properties.isWhitespace ?? false
  }

  func apply(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    if marksSpaces { return unsafe Self.marked(text, front: marksFront && !text.isEmpty) }
    var bytes = unsafe Array(text)
    for (index, step) in steps.enumerated() where !bytes.isEmpty { bytes = run(step, patterns[index], bytes) }
    return bytes
  }

  /// The text with marks for spaces, and one in front where asked.
  static func marked(_ text: UnsafeBufferPointer<UInt8>, front: Bool) -> [UInt8] {
    let spaces = unsafe text.reduce(front ? 1 : 0) { $0 + ($1 == 0x20 ? 1 : 0) }
    let size = text.count + 2 * spaces + (front ? 1 : 0)
    return unsafe [UInt8](unsafeUninitializedCapacity: size) { result, count in
      var place = 0
      func mark() {
        unsafe result[place] = 0xE2
        unsafe result[place + 1] = 0x96
        unsafe result[place + 2] = 0x81
        place += 3
      }
      if front { mark() }
      for index in 0..<text.count {
        let byte = unsafe text[index]
        if byte == 0x20 {
          mark()
        } else {
          unsafe result[place] = byte
          place += 1
        }
      }
      count = place
    }
  }

  private func run(_ step: NormalizationStep, _ pattern: PatternSplitter?, _ bytes: [UInt8]) -> [UInt8] {
    func string() -> String { String(decoding: bytes, as: UTF8.self) }
    let isASCII = bytes.allSatisfy { $0 < 0x80 }
    switch step {
    case .composed: return isASCII ? bytes : Array(string().precomposedStringWithCanonicalMapping.utf8)
    case .decomposed: return isASCII ? bytes : Array(string().decomposedStringWithCanonicalMapping.utf8)
    case .compatiblyComposed: return isASCII ? bytes : Array(string().precomposedStringWithCompatibilityMapping.utf8)
    case .compatiblyDecomposed:
      return isASCII ? bytes : Array(string().decomposedStringWithCompatibilityMapping.utf8)
    case .lowercased:
      return Array(string().unicodeScalars.map(\.properties.lowercaseMapping).joined().utf8)
    case .accentsStripped:
      var scalars = String.UnicodeScalarView()
      for scalar in string().unicodeScalars where scalar.properties.generalCategory != .nonspacingMark {
        scalars.append(scalar)
      }
      return Array(String(scalars).utf8)
    case .prepended(let front): return front + bytes
    case .replaced(let find, let replacement): return Self.replacing(find, by: replacement, in: bytes)
    case .patternReplaced(_, let replacement):
      guard let pattern else { return bytes }
      return unsafe bytes.withUnsafeBufferPointer { text in
        var result: [UInt8] = []
        var position = 0
        for range in unsafe pattern.matches(text, 0..<text.count) {
          unsafe result += text[position..<range.lowerBound]
          result += replacement
          position = range.upperBound
        }
        return unsafe result + text[position...]
      }
    case .whitespaceStripped(let left, let right):
      var scalars = Substring(string()).unicodeScalars
      while left, let first = scalars.first, first.properties.isWhitespace { scalars.removeFirst() }
      while right, let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
      return Array(Substring(scalars).utf8)
    case .mapped(let map): return map.apply(bytes)
    }
  }

  private static func replacing(_ find: [UInt8], by replacement: [UInt8], in bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count + bytes.count / 2)
    var index = 0
    while index < bytes.count {
      if bytes[index] == find[0], bytes[index...].starts(with: find) {
        result += replacement
        index += find.count
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return result
  }
}
