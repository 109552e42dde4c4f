import CPCRE2

/// A regular expression over UTF-8 text (PCRE2 with its JIT).
@safe final class PatternSplitter: Sendable {
  // A compiled pattern is immutable and may be matched from any thread, each with match data of its own.
  private nonisolated(unsafe) let code: OpaquePointer

  init(_ pattern: String) throws(TokenizerError) {
    var errorNumber: Int32 = 0
    var errorOffset = 0
    let bytes = Array(pattern.utf8)
    let options = UInt32(PCRE2_UTF) | UInt32(PCRE2_UCP) | UInt32(PCRE2_NEVER_BACKSLASH_C)
    let code = unsafe bytes.withUnsafeBufferPointer { buffer in
      unsafe pcre2_compile_8(buffer.baseAddress, buffer.count, options, &errorNumber, &errorOffset, nil)
    }
    guard let code = unsafe code else {
      throw TokenizerError(field: "pre_tokenizer", problem: "the pattern \"\(pattern)\" is faulty at \(errorOffset)")
    }
    unsafe pcre2_jit_compile_8(code, UInt32(PCRE2_JIT_COMPLETE))
    unsafe self.code = code
  }

  deinit { unsafe pcre2_code_free_8(code) }

  /// The matches in text[range], which stands for a whole text: nothing looks outside it. Empty matches are left out.
  func matches(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> [Range<Int>] {
    var result: [Range<Int>] = []
    guard let base = text.baseAddress, let data = unsafe pcre2_match_data_create_from_pattern_8(code, nil) else {
      return result
    }
    defer { unsafe pcre2_match_data_free_8(data) }
    var position = 0
    let count = range.count
    let options = UInt32(PCRE2_NO_UTF_CHECK)
    while position < count {
      let subject = unsafe base + range.lowerBound
      var found = unsafe pcre2_match_8(code, subject, count, position, options, data, nil)
      if found < PCRE2_ERROR_NOMATCH {
        // The JIT's stack is small; the interpreter's heap is not.
        found = unsafe pcre2_match_8(code, subject, count, position, options | UInt32(PCRE2_NO_JIT), data, nil)
      }
      // A pattern that exceeds the engine's own limits matches nothing more.
      guard found > 0, let place = unsafe pcre2_get_ovector_pointer_8(data) else { break }
      let from = unsafe place[0], to = unsafe place[1]
      guard to > from, from >= position else {
        position = max(to, position) + 1
        while position < count, unsafe text[range.lowerBound + position] & 0xC0 == 0x80 { position += 1 }
        continue
      }
      result.append(range.lowerBound + from..<range.lowerBound + to)
      position = to
    }
    return result
  }

  /// The pieces of text[range].
  func pieces(
    _ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ behavior: SplitStep.Behavior, inverted: Bool
  ) -> [Range<Int>] {
    var parts: [(range: Range<Int>, isMatch: Bool)] = []
    var position = range.lowerBound
    for match in unsafe matches(text, range) {
      if position < match.lowerBound { parts.append((position..<match.lowerBound, inverted)) }
      parts.append((match, !inverted))
      position = match.upperBound
    }
    if position < range.upperBound { parts.append((position..<range.upperBound, inverted)) }
    var result: [Range<Int>] = []
    for (index, part) in parts.enumerated() {
      let joins: Bool
      switch behavior {
      case .isolated: joins = false
      case .removed:
        if part.isMatch { continue }
        joins = false
      case .contiguous: joins = index > 0 && parts[index - 1].isMatch == part.isMatch
      case .mergedWithPrevious: joins = index > 0 && part.isMatch && !parts[index - 1].isMatch
      case .mergedWithNext: joins = index > 0 && !part.isMatch && parts[index - 1].isMatch
      }
      if joins, let last = result.last {
        result[result.count - 1] = last.lowerBound..<part.range.upperBound
      } else {
        result.append(part.range)
      }
    }
    return result
  }
}
