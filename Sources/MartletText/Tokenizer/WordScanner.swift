/// Cuts UTF-8 text by GPT-2's and Llama 3's patterns without a regular expression engine. Words cover the text.
@safe struct WordScanner {
  private let text: UnsafeBufferPointer<UInt8>
  private let end: Int
  private let pattern: WordPattern
  /// What combining marks count as.
  private let mark: CharacterKind

  /// - Parameter end: where the text ends; nothing behind it is looked at.
  init(_ text: UnsafeBufferPointer<UInt8>, end: Int, _ pattern: WordPattern) {
    unsafe self.text = unsafe text
    self.end = end
    self.pattern = pattern
    if case .llama3(_, marksAreLetters: true) = pattern { mark = .letter } else { mark = .other }
  }

  /// Calls `body` with the beginning and the end of each word of text[start..<end].
  @inline(__always)
  func forEachWord(from start: Int, _ body: (Int, Int) -> Void) {
    var position = start
    switch pattern {
    case .gpt2(individualDigits: false):
      while position < end {
        let next = gpt2(from: position)
        body(position, next)
        position = next
      }
    case .gpt2(individualDigits: true):
      // The digits are cut out first, so a word never looks past the next number character.
      while position < end {
        let limit = digits(from: position)
        let part = unsafe WordScanner(text, end: limit, pattern)
        while position < limit {
          let next = part.gpt2(from: position)
          body(position, next)
          position = next
        }
      }
    case .llama3(let maxDigits, _):
      while position < end {
        let next = llama3(from: position, maxDigits: maxDigits)
        body(position, next)
        position = next
      }
    }
  }

  /// Kind and length of the character at `position`.
  @inline(__always)
  private func character(_ position: Int) -> (kind: CharacterKind, length: Int) {
    let byte = unsafe text[position]
    return byte < 0x80 ? (CharacterKind.kind(ofASCII: byte), 1) : longCharacter(position)
  }

  @inline(never)
  private func longCharacter(_ position: Int) -> (kind: CharacterKind, length: Int) {
    let byte = unsafe text[position]
    let length = UTF8Length.of(byte)
    guard length > 1, position + length <= end else { return (.other, 1) }
    var value = UInt32(byte) & (length == 4 ? 0x07 : length == 3 ? 0x0F : 0x1F)
    for index in 1..<length { value = value << 6 | UInt32(unsafe text[position + index] & 0x3F) }
    guard let scalar = Unicode.Scalar(value) else { return (.other, 1) }
    let kind = CharacterKind.kind(of: scalar)
    return (kind == .mark ? mark : kind, length)
  }

  @inline(__always)
  private func run(_ kind: CharacterKind, from start: Int, limit: Int = .max) -> Int {
    var position = start
    var count = 0
    while position < end, count < limit {
      let next = character(position)
      guard next.kind == kind else { break }
      position += next.length
      count += 1
    }
    return position
  }

  /// End of an English contraction after the apostrophe at `start`; nil when there is none.
  private func contraction(_ start: Int, ignoringCase: Bool) -> Int? {
    guard unsafe text[start] == UInt8(ascii: "'"), start + 1 < end else { return nil }
    func letter(_ position: Int) -> UInt8 {
      guard position < end else { return 0 }
      let byte = unsafe text[position]
      return ignoringCase && byte >= 65 && byte <= 90 ? byte + 32 : byte
    }
    // With letter case ignored, U+017F (long s) also matches s.
    if ignoringCase, letter(start + 1) == 0xC5, letter(start + 2) == 0xBF { return start + 3 }
    switch letter(start + 1) {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"): return letter(start + 2) == UInt8(ascii: "e") ? start + 3 : nil
    case UInt8(ascii: "l"): return letter(start + 2) == UInt8(ascii: "l") ? start + 3 : nil
    default: return nil
    }
  }

  /// The last whitespace of a run goes to the word behind it: `\s+(?!\S)|\s+`.
  private func spaces(from start: Int) -> Int {
    var position = start
    var last = start
    while position < end {
      let next = character(position)
      guard next.kind == .space else { break }
      last = position
      position += next.length
    }
    return position < end && last > start ? last : position
  }

  /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
  private func gpt2(from start: Int) -> Int {
    if let end = contraction(start, ignoringCase: false) { return end }
    let first = character(start)
    if first.kind != .space { return run(first.kind, from: start) }
    if unsafe text[start] == 0x20, start + 1 < end {
      let kind = character(start + 1).kind
      if kind != .space { return run(kind, from: start + 1) }
    }
    return spaces(from: start)
  }

  /// `(?i:'s|...)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,n}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
  private func llama3(from start: Int, maxDigits: Int) -> Int {
    if let end = contraction(start, ignoringCase: true) { return end }
    let first = character(start)
    let byte = unsafe text[start]
    if first.kind == .letter { return run(.letter, from: start) }
    let isBreak = byte == 0x0A || byte == 0x0D
    let second = start + first.length
    if first.kind != .number, !isBreak, second < end, character(second).kind == .letter {
      return run(.letter, from: second)
    }
    if first.kind == .number { return run(.number, from: start, limit: maxDigits) }
    let symbols = byte == 0x20 ? start + 1 : start
    if symbols < end, character(symbols).kind == .other {
      var position = run(.other, from: symbols)
      while position < end, unsafe text[position] == 0x0A || text[position] == 0x0D { position += 1 }
      return position
    }
    var position = start
    var lastBreak: Int?
    while position < end {
      let next = character(position)
      guard next.kind == .space else { break }
      if unsafe text[position] == 0x0A || text[position] == 0x0D { lastBreak = position + 1 }
      position += next.length
    }
    return lastBreak ?? spaces(from: start)
  }

  /// A run without numbers, or one number character.
  private func digits(from start: Int) -> Int {
    var position = start
    while position < end {
      let next = character(position)
      if next.kind == .number { return position == start ? start + next.length : position }
      position += next.length
    }
    return position
  }
}
