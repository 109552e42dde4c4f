/// Turns parsed regular expressions into expressions of an arena. Assertions become intersections with what follows
/// them, so that matching stays one pass.
struct RegexCompiler {
  enum Mode {
    /// The pattern matches the whole text.
    case whole
    /// The pattern matches somewhere in it.
    case search
  }

  let spelling: StringSpelling
  let location: String

  /// The language of texts in `spelling` that `pattern` matches.
  static func compile(
    _ pattern: String, _ mode: Mode, _ spelling: StringSpelling, at location: String, _ arena: inout RegularArena,
    maxDepth: Int
  ) throws(GrammarError) -> RegularID {
    var parser = RegexParser(pattern, location: location, maxDepth: maxDepth)
    return try compile(try parser.parse(), mode, spelling, at: location, &arena)
  }

  /// The language of texts in `spelling` that the parsed expression matches.
  static func compile(
    _ node: RegexNode, _ mode: Mode, _ spelling: StringSpelling, at location: String, _ arena: inout RegularArena
  ) throws(GrammarError) -> RegularID {
    let compiler = RegexCompiler(spelling: spelling, location: location)
    let result = try compiler.compile(node, mode, &arena)
    if let budget = arena.exhausted { throw GrammarError(.tooLarge, at: location, budget, "is over its budget") }
    return result
  }

  func compile(_ node: RegexNode, _ mode: Mode, _ arena: inout RegularArena) throws(GrammarError) -> RegularID {
    switch mode {
    case .whole: return try compile(node, before: RegularArena.empty, atStart: true, &arena)
    case .search:
      let anything = arena.star(arena.character(.all, spelling))
      let first = try compile(node, before: anything, atStart: true, &arena)
      guard Self.mentionsStart(node) else { return arena.sequence(anything, first) }
      let later = try compile(node, before: anything, atStart: false, &arena)
      return arena.choice(first, arena.sequence(arena.plus(arena.character(.all, spelling)), later))
    }
  }

  private static func mentionsStart(_ node: RegexNode) -> Bool {
    switch node {
    case .start: true
    case .empty, .set, .end: false
    case .sequence(let parts), .choice(let parts): parts.contains(where: mentionsStart)
    case .repetition(let part, _, _), .lookahead(let part, _): mentionsStart(part)
    }
  }

  /// `node` followed by `rest`, which goes on to the end of the text.
  private func compile(
    _ node: RegexNode, before rest: RegularID, atStart: Bool, _ arena: inout RegularArena
  ) throws(GrammarError) -> RegularID {
    guard node.isContextual else { return arena.sequence(plain(node, &arena), rest) }
    switch node {
    case .empty, .set: return rest
    case .start: return atStart ? rest : RegularArena.nothing
    case .end: return arena.all(rest, RegularArena.empty)
    case .lookahead(let part, let negated):
      let anything = arena.star(arena.character(.all, spelling))
      let ahead = try compile(part, before: anything, atStart: atStart, &arena)
      return arena.all(rest, negated ? arena.not(ahead) : ahead)
    case .choice(let parts):
      var results: [RegularID] = []
      for part in parts { results.append(try compile(part, before: rest, atStart: atStart, &arena)) }
      return arena.choice(results)
    case .repetition(let part, let minimum, let maximum):
      if maximum == 1 {
        let once = try compile(part, before: rest, atStart: atStart, &arena)
        return minimum == 1 ? once : arena.choice(once, rest)
      }
      throw GrammarError(.unsupported, at: location, "an assertion", "inside a repetition is not supported")
    case .sequence(let parts):
      var starts: [Bool] = []
      var isStart = atStart
      for part in parts {
        starts.append(isStart)
        if isStart, !part.isContextual || !Self.isZeroWidth(part) {
          if Self.mentionsStart(.sequence(Array(parts[starts.count...]))), Self.isOptional(part) {
            throw GrammarError(.unsupported, at: location, "'^'", "behind an optional part is not supported")
          }
          isStart = false
        }
      }
      var result = rest
      for (part, start) in zip(parts, starts).reversed() {
        result = try compile(part, before: result, atStart: start, &arena)
      }
      return result
    }
  }

  private static func isZeroWidth(_ node: RegexNode) -> Bool {
    switch node {
    case .start, .end, .lookahead, .empty: true
    case .set, .repetition: false
    case .sequence(let parts), .choice(let parts): parts.allSatisfy(isZeroWidth)
    }
  }

  private static func isOptional(_ node: RegexNode) -> Bool {
    switch node {
    case .start, .end, .lookahead, .empty: true
    case .set: false
    case .repetition(let part, let minimum, _): minimum == 0 || isOptional(part)
    case .sequence(let parts): parts.allSatisfy(isOptional)
    case .choice(let parts): parts.contains(where: isOptional)
    }
  }

  /// A node without assertions.
  private func plain(_ node: RegexNode, _ arena: inout RegularArena) -> RegularID {
    switch node {
    case .empty, .start, .end, .lookahead: return RegularArena.empty
    case .set(let set): return arena.character(set, spelling)
    case .sequence(let parts):
      var result = RegularArena.empty
      for part in parts.reversed() { result = arena.sequence(plain(part, &arena), result) }
      return result
    case .choice(let parts):
      var results: [RegularID] = []
      for part in parts { results.append(plain(part, &arena)) }
      return arena.choice(results)
    case .repetition(let part, let minimum, let maximum):
      return arena.repetition(plain(part, &arena), minimum: minimum, maximum: maximum)
    }
  }
}
