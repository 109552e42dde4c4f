/// Regular expressions of JSON Schema's string formats.
enum StringFormat {
  /// Nil for formats that are not enforced.
  static func pattern(_ name: String) -> String? {
    switch name {
    case "date": date
    case "time": time
    case "date-time": "(?:\(date))[Tt](?:\(time))"
    case "duration": duration
    case "email": email
    case "hostname": hostname
    case "ipv4": ipv4
    case "ipv6": ipv6
    case "uuid": "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    case "uri": uri
    case "json-pointer": "(?:/(?:[^~/]|~[01])*)*"
    case "relative-json-pointer": "(?:0|[1-9][0-9]*)(?:#|(?:/(?:[^~/]|~[01])*)*)"
    default: nil
    }
  }

  /// Formats, alone and together, that are worth looking at before a text reaches them.
  static let explored = [
    ["email"], ["hostname"], ["ipv4"], ["ipv6"], ["ipv4", "ipv6"], ["ipv4", "hostname"], ["uri"], ["json-pointer"],
    ["date"], ["time"],
    ["date-time"],
  ]

  /// Quoted strings of a format, in their shortest spelling; nil for formats that are not enforced.
  static func language(
    _ name: String, _ lexemes: JSONLexemes, at location: String, maxDepth: Int, _ arena: inout RegularArena
  ) throws(GrammarError) -> RegularID? {
    guard let pattern = pattern(name) else { return nil }
    let text = try RegexCompiler.compile(pattern, .whole, .json, at: location, &arena, maxDepth: maxDepth)
    return arena.sequence([lexemes.quote, text, lexemes.quote])
  }

  private static let year31 = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
  private static let year30 = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
  /// Years that 4 divides, but of the centuries only those that 400 divides.
  private static let leapYear =
    "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
  private static let date =
    "[0-9]{4}-(?:\(year31)|\(year30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|\(leapYear)-02-29"
  private static let offset = "(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
  /// Without leap seconds: which minutes have one is not regular.
  private static let time = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]+)?\(offset)"
  private static let duration =
    "P(?:[0-9]+W|(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)(?:T\(clock))?|T\(clock))"
  private static let clock = "(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)"
  private static let label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
  private static let hostname = "(?=[a-zA-Z0-9.-]{1,253}$)\(label)(?:\\.\(label))*"
  private static let atom = "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+"
  private static let quotedLocal = "\"(?:[ !#-\\[\\]-~]|\\\\[ -~]){0,62}\""
  private static let addressLiteral = "\\[(?:\(ipv4)|IPv6:(?:\(ipv6)))\\]"
  private static let email =
    "(?:(?=[a-zA-Z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@)\(atom)(?:\\.\(atom))*|\(quotedLocal))@(?:\(label)(?:\\.\(label))*|\(addressLiteral))"
  private static let octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
  private static let ipv4 = "\(octet)(?:\\.\(octet)){3}"
  private static let group = "[0-9a-fA-F]{1,4}"
  private static let ipv6: String = {
    let last = "(?:\(group):\(group)|\(ipv4))"
    var forms = ["(?:\(group):){6}\(last)"]
    for before in 0...7 {
      // `before` groups, two colons, then what is left of the eight.
      let head = before == 0 ? "" : "\(group)(?::\(group)){\(before - 1)}"
      let after = 7 - before
      var tails = [""]
      if after >= 1 { tails.append("\(group)(?::\(group)){0,\(after - 1)}") }
      if after >= 2 { tails.append("(?:\(group):){0,\(after - 2)}\(ipv4)") }
      forms.append("\(head)::(?:\(tails.joined(separator: "|")))")
    }
    return forms.joined(separator: "|")
  }()
  private static let escaped = "%[0-9a-fA-F]{2}"
  private static let unreserved = "[A-Za-z0-9._~!$&'()*+,;=-]"
  private static let pathCharacter = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|\(escaped))"
  private static let uri: String = {
    let host = "(?:\\[(?:\(ipv6))\\]|(?:\(unreserved)|\(escaped))*)"
    let authority = "(?:(?:[A-Za-z0-9._~!$&'()*+,;=:-]|\(escaped))*@)?\(host)(?::[0-9]*)?"
    let path = "(?:/\(pathCharacter)*)*"
    let rooted = "/(?:\(pathCharacter)+\(path))?"
    let tail = "(?:\\?(?:\(pathCharacter)|[/?])*)?(?:#(?:\(pathCharacter)|[/?])*)?"
    return "[A-Za-z][A-Za-z0-9+.-]*:(?://\(authority)\(path)|\(rooted)|\(pathCharacter)+\(path)|)\(tail)"
  }()
}
