/// What the word patterns tell apart.
enum CharacterKind: UInt8 {
  case letter, number, space, other, mark

  /// Kinds of the basic plane's characters; a scalar's properties take too long to look up for every character.
  private static let basicPlane: [CharacterKind] = (UInt32(0)..<0x10000).map {
    Unicode.Scalar($0).map { computed($0) } ?? .other
  }

  @inline(__always)
  static func kind(ofASCII byte: UInt8) -> CharacterKind {
    if (byte | 0x20) &- 97 < 26 { return .letter }
    if byte &- 48 < 10 { return .number }
    return byte == 0x20 || byte &- 9 < 5 ? .space : .other
  }

  static func kind(of scalar: Unicode.Scalar) -> CharacterKind {
    scalar.value < 0x10000 ? basicPlane[Int(scalar.value)] : computed(scalar)
  }

  private static func computed(_ scalar: Unicode.Scalar) -> CharacterKind {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: .letter
    case .decimalNumber, .letterNumber, .otherNumber: .number
    case .nonspacingMark, .spacingMark, .enclosingMark: .mark
    default: scalar.properties.isWhitespace ? .space : .other
    }
  }
}
