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
    switch name {
    case "ASCII": return CodePointSet([0...0x7F])
    case "Any": return .all
    case "Alphabetic", "Alpha": return alphabetic
    case "Lowercase", "Lower": return lowercase
    case "Uppercase", "Upper": return uppercase
    case "White_Space", "space": return whiteSpace
    case "Emoji": return emoji
    default:
      let wanted = categories.filter { entry in
        entry.names.contains(name) || (name.count == 1 && entry.names[0].hasPrefix(name))
          || groups[name].map { entry.names[0].hasPrefix($0) } == true
      }
      guard !wanted.isEmpty else { return nil }
      return CodePointSet(wanted.flatMap { byCategory[$0.category]?.ranges ?? [] })
    }
  }

  // Looked up once for all grammars: a look at every scalar value takes longer than a grammar may.
  private static let alphabetic = scan { $0.isAlphabetic }
  private static let lowercase = scan { $0.isLowercase }
  private static let uppercase = scan { $0.isUppercase }
  private static let whiteSpace = scan { $0.isWhitespace }
  private static let emoji = scan { $0.isEmoji }

  private static let byCategory: [Unicode.GeneralCategory: CodePointSet] = {
    var ranges: [Unicode.GeneralCategory: [ClosedRange<UInt32>]] = [:]
    var current: (category: Unicode.GeneralCategory, first: UInt32, last: UInt32)?
    for part in assigned {
      for value in part {
        guard let category = Unicode.Scalar(value)?.properties.generalCategory else { continue }
        if let run = current, run.category == category, run.last + 1 == value {
          current?.last = value
        } else {
          if let run = current { ranges[run.category, default: []].append(run.first...run.last) }
          current = (category, value, value)
        }
      }
    }
    if let run = current { ranges[run.category, default: []].append(run.first...run.last) }
    ranges[.privateUse, default: []] += [0xF0000...0xFFFFD, 0x100000...0x10FFFD]
    ranges[.unassigned, default: []] += [
      0x40000...0xDFFFF, 0xE1000...0xEFFFF, 0xFFFFE...0xFFFFF, 0x10FFFE...0x10FFFF,
    ]
    return ranges.mapValues { CodePointSet($0) }
  }()

  /// Where characters are: the other planes are empty, or for private use as a whole.
  private static let assigned: [ClosedRange<UInt32>] = [0...0x3FFFF, 0xE0000...0xE0FFF]

  private static func scan(_ holds: (Unicode.Scalar.Properties) -> Bool) -> CodePointSet {
    var ranges: [ClosedRange<UInt32>] = []
    for part in assigned {
      for value in part where Unicode.Scalar(value).map({ holds($0.properties) }) == true {
        if let last = ranges.last, last.upperBound + 1 == value {
          ranges[ranges.count - 1] = last.lowerBound...value
        } else {
          ranges.append(value...value)
        }
      }
    }
    return CodePointSet(ranges)
  }

  /// Looks up what patterns ask for, so that none waits for it. About 20 ms.
  static func prepare() { _ = (byCategory, alphabetic, lowercase, uppercase) }

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
