/// The named character classes of regular expressions.
enum CharacterClass {
  static let digit = CodePointSet([0x30...0x39])
  static let word = CodePointSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
  /// ECMA-262's white space and line terminators.
  static let space = CodePointSet([
    0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029, 0x202F...0x202F,
    0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
  ])
  /// What `.` stands for.
  static let notLineEnd = CodePointSet.all.subtracting(
    CodePointSet([0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029]))

  /// A Unicode general category ("L", "Lu", "Letter") or binary property; nil when it is not known.
  static func property(_ name: String) -> CodePointSet? {
    let holds: (Unicode.Scalar.Properties) -> Bool
    switch name {
    case "ASCII": return CodePointSet([0...0x7F])
    case "Any": return .all
    case "Alphabetic", "Alpha": holds = { $0.isAlphabetic }
    case "Lowercase", "Lower": holds = { $0.isLowercase }
    case "Uppercase", "Upper": holds = { $0.isUppercase }
    case "White_Space", "space": holds = { $0.isWhitespace }
    case "Emoji": holds = { $0.isEmoji }
    default:
      let wanted = categories.filter { entry in
        entry.names.contains(name) || (name.count == 1 && entry.names[0].hasPrefix(name))
          || groups[name].map { entry.names[0].hasPrefix($0) } == true
      }.map(\.category)
      guard !wanted.isEmpty else { return nil }
      holds = { wanted.contains($0.generalCategory) }
    }
    return scan(holds)
  }

  private static func scan(_ holds: (Unicode.Scalar.Properties) -> Bool) -> CodePointSet {
    var ranges: [ClosedRange<UInt32>] = []
    var start: UInt32?
    for value in UInt32(0)...0x10FFFF {
      let member = Unicode.Scalar(value).map { holds($0.properties) } ?? false
      if member, start == nil { start = value }
      if !member, let first = start {
        ranges.append(first...(value - 1))
        start = nil
      }
    }
    if let first = start { ranges.append(first...0x10FFFF) }
    return CodePointSet(ranges)
  }

  private static let groups = [
    "Letter": "L", "Mark": "M", "Number": "N", "Punctuation": "P", "punct": "P", "Symbol": "S", "Separator": "Z",
    "Other": "C",
  ]

  private static let categories: [(names: [String], category: Unicode.GeneralCategory)] = [
    (["Lu", "Uppercase_Letter"], .uppercaseLetter), (["Ll", "Lowercase_Letter"], .lowercaseLetter),
    (["Lt", "Titlecase_Letter"], .titlecaseLetter), (["Lm", "Modifier_Letter"], .modifierLetter),
    (["Lo", "Other_Letter"], .otherLetter), (["Mn", "Nonspacing_Mark"], .nonspacingMark),
    (["Mc", "Spacing_Mark"], .spacingMark), (["Me", "Enclosing_Mark"], .enclosingMark),
    (["Nd", "Decimal_Number", "digit"], .decimalNumber), (["Nl", "Letter_Number"], .letterNumber),
    (["No", "Other_Number"], .otherNumber), (["Pc", "Connector_Punctuation"], .connectorPunctuation),
    (["Pd", "Dash_Punctuation"], .dashPunctuation), (["Ps", "Open_Punctuation"], .openPunctuation),
    (["Pe", "Close_Punctuation"], .closePunctuation), (["Pi", "Initial_Punctuation"], .initialPunctuation),
    (["Pf", "Final_Punctuation"], .finalPunctuation), (["Po", "Other_Punctuation"], .otherPunctuation),
    (["Sm", "Math_Symbol"], .mathSymbol), (["Sc", "Currency_Symbol"], .currencySymbol),
    (["Sk", "Modifier_Symbol"], .modifierSymbol), (["So", "Other_Symbol"], .otherSymbol),
    (["Zs", "Space_Separator"], .spaceSeparator), (["Zl", "Line_Separator"], .lineSeparator),
    (["Zp", "Paragraph_Separator"], .paragraphSeparator), (["Cc", "Control"], .control), (["Cf", "Format"], .format),
    (["Co", "Private_Use"], .privateUse), (["Cn", "Unassigned"], .unassigned),
  ]
}
