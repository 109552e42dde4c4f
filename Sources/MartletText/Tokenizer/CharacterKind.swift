/// What the word patterns tell apart.
enum CharacterKind {
  case letter, number, space, other

  /// Kinds of the ASCII characters.
  static let ascii: [CharacterKind] = (0..<128).map { kind(of: Unicode.Scalar(UInt8($0))) }

  static func kind(of scalar: Unicode.Scalar) -> CharacterKind {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: .letter
    case .decimalNumber, .letterNumber, .otherNumber: .number
    default: scalar.properties.isWhitespace ? .space : .other
    }
  }
}
