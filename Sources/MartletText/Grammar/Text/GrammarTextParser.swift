/// Parses a grammar's tokens into rules of a graph. Matching is without a lexer: terminals are plain rules, and every
/// split of a text counts.
struct GrammarTextParser {
  private let tokens: [GrammarToken]
  private let isLark: Bool
  private let budget: GrammarBudget
  private var position = 0
  private var depth = 0
  private var rules: [String: (rule: Int32, line: Int)] = [:]
  private var defined: Set<String> = []

  init(_ tokens: [GrammarToken], isLark: Bool, budget: GrammarBudget) {
    self.tokens = tokens
    self.isLark = isLark
    self.budget = budget
  }

  private var peek: GrammarToken.Kind? { position < tokens.count ? tokens[position].kind : nil }
  private var line: Int { tokens[min(position, tokens.count - 1)].line }

  private func fault(_ construct: String, _ reason: String, _ kind: GrammarError.Kind = .invalid) -> GrammarError {
    GrammarError(kind, at: "line \(line)", construct, reason)
  }

  /// Whether a definition begins at token `index`.
  private func isDefinition(_ index: Int) -> Bool {
    var place = index
    while place < tokens.count, case .symbol(let mark) = tokens[place].kind, isLark, "?!".contains(mark) { place += 1 }
    guard place + 1 < tokens.count, case .name = tokens[place].kind else { return false }
    place += 1
    // Lark's priorities: name.2:
    if isLark, case .symbol(".") = tokens[place].kind { place += 2 }
    return place < tokens.count && tokens[place].kind == .defines
  }

  mutating func parse(_ graph: inout GrammarGraph) throws(GrammarError) {
    while let next = peek {
      switch next {
      case .newline: position += 1
      case .directive(let text):
        guard text.hasPrefix("%import common.") else {
          throw fault(String(text.prefix(40)), "is not supported", .unsupported)
        }
        try importCommon(String(text.dropFirst("%import common.".count)), &graph)
        position += 1
      default: try parseRule(&graph)
      }
    }
  }

  private mutating func importCommon(_ name: String, _ graph: inout GrammarGraph) throws(GrammarError) {
    let parts = name.split(separator: " ").map(String.init)
    let patterns = [
      "DIGIT": "[0-9]", "INT": "[0-9]+", "SIGNED_INT": "[+-]?[0-9]+", "LETTER": "[A-Za-z]", "WORD": "[A-Za-z]+",
      "CNAME": "[A-Za-z_][A-Za-z0-9_]*", "WS": "[ \\t\\f\\r\\n]+", "WS_INLINE": "[ \\t]+", "NEWLINE": "(\\r?\\n)+",
      "ESCAPED_STRING": "\"(?:[^\"\\\\\\n]|\\\\.)*\"", "HEXDIGIT": "[0-9a-fA-F]", "LCASE_LETTER": "[a-z]",
      "UCASE_LETTER": "[A-Z]", "FLOAT": "[0-9]+[eE][+-]?[0-9]+|(?:[0-9]+\\.[0-9]*|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?",
      "NUMBER": "(?:[0-9]+\\.[0-9]*|\\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?",
      "SIGNED_NUMBER": "[+-]?(?:[0-9]+\\.[0-9]*|\\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?",
    ]
    guard let first = parts.first, let pattern = patterns[first],
      parts.count == 1 || (parts.count == 3 && parts[1] == "->")
    else { throw fault("%import common.\(name)", "is not supported", .unsupported) }
    let rule = reference(parts.last ?? first, &graph)
    defined.insert(parts.last ?? first)
    graph.setBody(rule, try regex(pattern, &graph))
  }

  private mutating func reference(_ name: String, _ graph: inout GrammarGraph) -> Int32 {
    if let known = rules[name] { return known.rule }
    let rule = graph.newRule()
    rules[name] = (rule, line)
    return rule
  }

  private mutating func parseRule(_ graph: inout GrammarGraph) throws(GrammarError) {
    guard isDefinition(position) else { throw fault("a rule", "is expected here") }
    while case .symbol? = peek { position += 1 }
    guard case .name(let name)? = peek else { throw fault("a rule", "needs a name") }
    while let next = peek, next != .defines { position += 1 }
    position += 1
    guard defined.insert(name).inserted else { throw fault("the rule '\(name)'", "is defined twice") }
    let rule = reference(name, &graph)
    graph.setBody(rule, try parseChoice(&graph, inGroup: false))
    if let budget = graph.arena.exhausted { throw fault(budget, "is over its budget", .tooLarge) }
  }

  private mutating func parseChoice(_ graph: inout GrammarGraph, inGroup: Bool) throws(GrammarError) -> GrammarNodeID {
    depth += 1
    defer { depth -= 1 }
    guard depth <= budget.maxDepth else { throw fault("nesting", "is deeper than \(budget.maxDepth)", .tooLarge) }
    var branches = [try parseSequence(&graph, inGroup: inGroup)]
    while true {
      let before = position
      while peek == .newline, !isDefinition(position) { position += 1 }
      guard case .symbol("|")? = peek else {
        if !inGroup { position = before }
        break
      }
      position += 1
      while peek == .newline { position += 1 }
      branches.append(try parseSequence(&graph, inGroup: inGroup))
    }
    return graph.choice(branches)
  }

  private mutating func parseSequence(
    _ graph: inout GrammarGraph, inGroup: Bool
  ) throws(GrammarError) -> GrammarNodeID {
    var parts: [GrammarNodeID] = []
    loop: while let next = peek {
      switch next {
      case .newline:
        guard !isDefinition(position + 1), inGroup || (!isLark && continues()) else { break loop }
        position += 1
      case .symbol("|"), .symbol(")"), .symbol("]"), .directive, .defines, .symbol(","): break loop
      case .symbol("-") where isLark:
        // An alias: -> name.
        position += 3
      default:
        if isDefinition(position) { break loop }
        parts.append(try parseItem(&graph))
      }
    }
    return graph.sequence(parts)
  }

  /// Whether the text after a line's end still belongs to the rule.
  private func continues() -> Bool {
    var place = position
    while place < tokens.count, tokens[place].kind == .newline { place += 1 }
    return place < tokens.count && !isDefinition(place)
  }

  private mutating func parseItem(_ graph: inout GrammarGraph) throws(GrammarError) -> GrammarNodeID {
    var node = try parseAtom(&graph)
    while let next = peek {
      switch next {
      case .symbol("*"): node = graph.repetition(node, minimum: 0, maximum: nil)
      case .symbol("+"): node = graph.repetition(node, minimum: 1, maximum: nil)
      case .symbol("?"): node = graph.optional(node)
      case .bounds(let low, let high): node = graph.repetition(node, minimum: low, maximum: high)
      case .symbol("~"): throw fault("'~'", "is not supported; write {m,n}", .unsupported)
      default: return node
      }
      position += 1
    }
    return node
  }

  private mutating func parseAtom(_ graph: inout GrammarGraph) throws(GrammarError) -> GrammarNodeID {
    guard let next = peek else { throw fault("a rule", "ends early") }
    position += 1
    switch next {
    case .name(let name): return graph.intern(.rule(reference(name, &graph)))
    case .literal(let text, let ignoresCase):
      if isLark, case .symbol("…")? = peek { return try parseRange(text, &graph) }
      guard ignoresCase else { return graph.terminal(graph.arena.literal(text, .plain)) }
      var parts: [RegularID] = []
      for scalar in text.unicodeScalars {
        parts.append(graph.arena.utf8(CodePointSet([scalar.value...scalar.value]).caseInsensitive))
      }
      return graph.terminal(graph.arena.sequence(parts))
    case .pattern(let pattern): return try regex(pattern, &graph)
    case .symbol("("):
      let node = try parseChoice(&graph, inGroup: true)
      guard peek == .symbol(")") else { throw fault("a group", "has no end") }
      position += 1
      return node
    case .symbol("["):
      let node = try parseChoice(&graph, inGroup: true)
      guard peek == .symbol("]") else { throw fault("an optional group", "has no end") }
      position += 1
      return graph.optional(node)
    case .symbol(let mark): throw fault("'\(mark)'", "is not expected here")
    case .defines: throw fault("':'", "is not expected here")
    case .bounds: throw fault("a repetition", "has nothing to repeat")
    case .newline, .directive: throw fault("a rule", "ends early")
    }
  }

  /// Lark's "a".."z".
  private mutating func parseRange(_ low: String, _ graph: inout GrammarGraph) throws(GrammarError) -> GrammarNodeID {
    position += 1
    guard case .literal(let high, _)? = peek, let from = low.unicodeScalars.first, let to = high.unicodeScalars.first,
      low.unicodeScalars.count == 1, high.unicodeScalars.count == 1, from <= to
    else { throw fault("a range", "needs two characters in order") }
    position += 1
    return graph.terminal(graph.arena.utf8(CodePointSet([from.value...to.value])))
  }

  private func regex(_ pattern: String, _ graph: inout GrammarGraph) throws(GrammarError) -> GrammarNodeID {
    graph.terminal(
      try RegexCompiler.compile(pattern, .whole, .plain, at: "line \(line)", &graph.arena, maxDepth: budget.maxDepth))
  }

  /// The start rule; every rule that is named must be defined.
  mutating func root(_ graph: inout GrammarGraph) throws(GrammarError) -> GrammarNodeID {
    if let missing = rules.filter({ !defined.contains($0.key) }).min(by: { $0.value.line < $1.value.line }) {
      throw GrammarError(.invalid, at: "line \(missing.value.line)", "the rule '\(missing.key)'", "is not defined")
    }
    let name = isLark ? "start" : "root"
    guard let rule = rules[name] else { throw GrammarError(.invalid, at: "#", "the grammar", "has no rule '\(name)'") }
    try RuleInliner.inline(&graph)
    return graph.intern(.rule(rule.rule))
  }
}
