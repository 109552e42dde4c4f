/// Fills lines with words as Python's textwrap does, without changing tabs and newlines.
struct TemplateWordWrap {
  let width: Int
  let breaksLongWords: Bool
  let breaksAtHyphens: Bool

  func lines(of text: String) -> [String] {
    var chunks = Array(chunks(of: Array(text.unicodeScalars)).reversed())
    var lines: [String] = []
    while !chunks.isEmpty {
      if !lines.isEmpty, let next = chunks.last, Self.isBlank(next) { chunks.removeLast() }
      var line: [ArraySlice<Unicode.Scalar>] = []
      var length = 0
      while let next = chunks.last, length + next.count <= width {
        line.append(next)
        length += next.count
        chunks.removeLast()
      }
      if let next = chunks.last, next.count > width {
        if breaksLongWords {
          let room = width - length
          line.append(next.prefix(room))
          chunks[chunks.count - 1] = next.dropFirst(room)
        } else if line.isEmpty {
          line.append(chunks.removeLast())
        }
      }
      if let last = line.last, Self.isBlank(last) { line.removeLast() }
      if !line.isEmpty { lines.append(String(String.UnicodeScalarView(line.joined()))) }
    }
    return lines
  }

  private static func isBlank(_ chunk: ArraySlice<Unicode.Scalar>) -> Bool {
    chunk.allSatisfy(TemplateLetters.isSpace)
  }

  /// Runs of whitespace and words; words end behind a hyphen between letters if asked.
  private func chunks(of text: [Unicode.Scalar]) -> [ArraySlice<Unicode.Scalar>] {
    var chunks: [ArraySlice<Unicode.Scalar>] = []
    var start = 0
    for index in text.indices {
      let next = index + 1
      let ends =
        next == text.count || TemplateLetters.isSpace(text[index]) != TemplateLetters.isSpace(text[next])
        || (breaksAtHyphens && text[index] == "-" && isBreak(text, after: index))
      guard ends else { continue }
      chunks.append(text[start..<next])
      start = next
    }
    return chunks
  }

  private func isBreak(_ text: [Unicode.Scalar], after hyphen: Int) -> Bool {
    func isLetter(_ index: Int) -> Bool { text.indices.contains(index) && TemplateLetters.isLetter(text[index]) }
    let before =
      isLetter(hyphen - 1) && (isLetter(hyphen - 2) || (hyphen >= 2 && text[hyphen - 2] == "-" && isLetter(hyphen - 3)))
    let second = text.indices.contains(hyphen + 2) && text[hyphen + 2] == "-" ? hyphen + 3 : hyphen + 2
    return before && isLetter(hyphen + 1) && isLetter(second)
  }
}
