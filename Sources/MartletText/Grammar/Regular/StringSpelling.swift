/// How the characters of a pattern appear in the output.
enum StringSpelling: Sendable, Hashable {
  /// As they are, in UTF-8.
  case plain
  /// Inside a JSON string: quotes, backslashes and control characters escaped in their shortest form, all else as it is.
  case json
}

extension RegularArena {
  /// One character of `set`.
  mutating func character(_ set: CodePointSet, _ spelling: StringSpelling) -> RegularID {
    let key = SpelledSet(set: set, spelling: spelling)
    if let known = characters[key] { return known }
    let result = newCharacter(set, spelling)
    characters[key] = result
    return result
  }

  private mutating func newCharacter(_ set: CodePointSet, _ spelling: StringSpelling) -> RegularID {
    switch spelling {
    case .plain: return utf8(set)
    case .json:
      let special = CodePointSet([0...0x1F, 0x22...0x22, 0x5C...0x5C])
      let escapes = set.intersection(special).ranges.joined().map { JSONEscape.bytes(UInt8(truncatingIfNeeded: $0)) }
      let plain = utf8(set.subtracting(special))
      return escapes.isEmpty ? plain : choice(plain, oneOf(escapes))
    }
  }

  /// The characters of `text`.
  mutating func literal(_ text: String, _ spelling: StringSpelling) -> RegularID {
    switch spelling {
    case .plain: return literal(Array(text.utf8))
    case .json:
      var bytes: [UInt8] = []
      JSONValue.write(text, to: &bytes)
      return literal(Array(bytes.dropFirst().dropLast()))
    }
  }
}

/// The shortest escape of a character that may not stand in a JSON string as it is.
enum JSONEscape {
  static func bytes(_ value: UInt8) -> [UInt8] {
    var bytes: [UInt8] = []
    JSONValue.write(String(Unicode.Scalar(value)), to: &bytes)
    return Array(bytes.dropFirst().dropLast())
  }
}
