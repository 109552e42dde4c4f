/// Python's view of characters: their classes and cases.
enum TemplateLetters {
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
  }

  /// `str.isprintable` for one code point.
  static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    case .spaceSeparator: scalar == " "
    default: true
    }
  }

  static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }

  static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
    isLetter(scalar) || scalar.properties.numericType != nil
  }

  /// A regular expression's `\w`.
  static func isWord(_ scalar: Unicode.Scalar) -> Bool { scalar == "_" || isAlphanumeric(scalar) }

  private static func isUppercase(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isUppercase || scalar.properties.generalCategory == .titlecaseLetter
  }

  static func isLower(_ text: String) -> Bool {
    text.unicodeScalars.contains { $0.properties.isLowercase } && !text.unicodeScalars.contains(where: isUppercase)
  }

  static func isUpper(_ text: String) -> Bool {
    text.unicodeScalars.contains { $0.properties.isUppercase }
      && !text.unicodeScalars.contains {
        $0.properties.isLowercase || $0.properties.generalCategory == .titlecaseLetter
      }
  }

  static func isTitle(_ text: String) -> Bool {
    var isInWord = false, hasCase = false
    for scalar in text.unicodeScalars {
      if isUppercase(scalar) {
        if isInWord { return false }
        isInWord = true
        hasCase = true
      } else if scalar.properties.isLowercase {
        if !isInWord { return false }
        hasCase = true
      } else {
        isInWord = false
      }
    }
    return hasCase
  }

  /// A predicate that holds for all of a text's code points, of which there is at least one.
  static func all(_ text: String, _ predicate: (Unicode.Scalar) -> Bool) -> Bool {
    !text.isEmpty && text.unicodeScalars.allSatisfy(predicate)
  }

  static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.numericType == .decimal || scalar.properties.numericType == .digit
  }

  // MARK: Cases

  static func uppercased(_ text: String) -> String { text.unicodeScalars.map(\.properties.uppercaseMapping).joined() }

  /// With the final form of sigma at the end of words.
  static func lowercased(_ text: String) -> String {
    guard text.unicodeScalars.contains("\u{3A3}") else {
      return text.unicodeScalars.map(\.properties.lowercaseMapping).joined()
    }
    let scalars = Array(text.unicodeScalars)
    return scalars.indices.map { index in
      guard scalars[index] == "\u{3A3}" else { return scalars[index].properties.lowercaseMapping }
      let before = scalars[..<index].last { !$0.properties.isCaseIgnorable }
      let after = scalars[(index + 1)...].first { !$0.properties.isCaseIgnorable }
      return before?.properties.isCased == true && after?.properties.isCased != true ? "\u{3C2}" : "\u{3C3}"
    }.joined()
  }

  static func capitalized(_ text: String) -> String {
    guard let first = text.unicodeScalars.first else { return "" }
    return first.properties.titlecaseMapping + lowercased(String(text.unicodeScalars.dropFirst()))
  }

  /// `str.title`: a word begins behind whatever has no case.
  static func titled(_ text: String) -> String {
    var isInWord = false
    return text.unicodeScalars.map { scalar in
      defer { isInWord = scalar.properties.isCased }
      return isInWord ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
    }.joined()
  }

  static func swapped(_ text: String) -> String {
    text.unicodeScalars.map { scalar in
      if scalar.properties.isUppercase { return scalar.properties.lowercaseMapping }
      return scalar.properties.isLowercase ? scalar.properties.uppercaseMapping : String(scalar)
    }.joined()
  }

  /// Case folding, made of the two mappings; differs from Unicode's table for a few letters (Cherokee, dotless i).
  static func folded(_ text: String) -> String {
    text.unicodeScalars.map { scalar in
      scalar.properties.uppercaseMapping.unicodeScalars.map(\.properties.lowercaseMapping).joined()
    }.joined()
  }
}
