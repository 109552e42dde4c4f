import CPCRE2

/// A regular expression that cuts text into matches and the gaps between them (PCRE2 with its JIT).
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

  /// Appends the ends of the pieces of text[start..<end].
  func split(_ text: UnsafeBufferPointer<UInt8>, from start: Int, to end: Int, into ends: inout [Int]) {
    guard let data = unsafe pcre2_match_data_create_from_pattern_8(code, nil) else {
      ends.append(end)
      return
    }
    defer { unsafe pcre2_match_data_free_8(data) }
    var position = start
    while position < end {
      // A pattern that exceeds the engine's own limits leaves the rest in one piece.
      guard unsafe pcre2_match_8(code, text.baseAddress, end, position, UInt32(PCRE2_NO_UTF_CHECK), data, nil) > 0,
        let found = unsafe pcre2_get_ovector_pointer_8(data)
      else { break }
      let from = unsafe found[0], to = unsafe found[1]
      guard to > position else {
        position += 1
        while position < end, unsafe text[position] & 0xC0 == 0x80 { position += 1 }
        continue
      }
      if from > (ends.last ?? start), from > start { ends.append(from) }
      ends.append(to)
      position = to
    }
    if (ends.last ?? start) < end { ends.append(end) }
  }
}
