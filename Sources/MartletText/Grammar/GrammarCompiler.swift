/// Compiles grammars for one vocabulary. Stateless: any thread, at a cost that the budget bounds.
package struct GrammarCompiler: Sendable {
  package let vocabulary: GrammarVocabulary
  package let budget: GrammarBudget

  package init(vocabulary: GrammarVocabulary, budget: GrammarBudget = GrammarBudget()) {
    self.vocabulary = vocabulary
    self.budget = budget
  }

  package func compile(_ source: GrammarSource) throws(GrammarError) -> CompiledGrammar {
    guard source.byteCount <= budget.maxSourceBytes else {
      throw GrammarError(.tooLarge, at: "#", "the text", "has over \(budget.maxSourceBytes) bytes")
    }
    let shared = vocabulary.shared(for: source)
    var arena = shared.arena
    let deadline = ContinuousClock.now + budget.compileTime
    arena.limit(budget, deadline: deadline)
    var graph = GrammarGraph(arena: arena, lexemes: shared.lexemes)
    let node = try node(source, &graph)
    let root: GrammarNodeID
    do throws(GrammarError) { root = try graph.finish(root: node) } catch {
      throw error.kind == .empty ? conflict(in: source, shared, until: deadline) ?? error : error
    }
    var automaton = GrammarAutomaton(
      graph: graph, root: root, trie: vocabulary.trie, catalog: shared.catalog, budget: budget)
    // Every generation needs it: made here, no step waits for it.
    _ = automaton.mask(automaton.start)
    if let budget = automaton.exhausted { throw GrammarError(.tooLarge, at: "#", budget, "is over its budget") }
    automaton.graph.arena.limit(budget, deadline: nil)
    return CompiledGrammar(automaton, vocabulary, leavesWhitespaceFree: source.leavesWhitespaceFree)
  }

  private func node(_ source: GrammarSource, _ graph: inout GrammarGraph) throws(GrammarError) -> GrammarNodeID {
    switch source {
    case .jsonSchema(let text, let whitespace):
      let schema = try Self.json(text)
      return try SchemaCompiler.compile(schema, whitespace: whitespace, &graph, budget: budget)
    case .regex(let pattern):
      return graph.terminal(
        try RegexCompiler.compile(pattern, .whole, .plain, at: "regex", &graph.arena, maxDepth: budget.maxDepth))
    case .grammar(let text): return try GrammarText.compile(text, &graph, budget: budget)
    case .choice(let texts):
      guard !texts.isEmpty else { throw GrammarError(.invalid, at: "#", "choice", "needs at least one text") }
      return graph.terminal(graph.arena.oneOf(texts.map { Array($0.utf8) }))
    case .structuralTag(let text):
      var compiler = StructuralTagCompiler(vocabulary: vocabulary, budget: budget)
      return try compiler.compile(try Self.json(text), &graph)
    case .behindThinking(let source, let open, let close):
      let compiler = StructuralTagCompiler(vocabulary: vocabulary, budget: budget)
      let thinking = compiler.thinking(open: open, close: close, &graph)
      return graph.sequence(graph.optional(thinking), try node(source, &graph))
    case .inFinalChannel(let source):
      let compiler = StructuralTagCompiler(vocabulary: vocabulary, budget: budget)
      return graph.sequence(compiler.channels(&graph), try node(source, &graph))
    }
  }

  /// Why a schema in `source` has no instance; nil when none is to blame.
  private func conflict(
    in source: GrammarSource, _ shared: SharedExpressions, until deadline: ContinuousClock.Instant
  ) -> GrammarError? {
    var schemas: [JSONValue] = []
    switch source {
    case .jsonSchema(let text, _): schemas = (try? Self.json(text)).map { [$0] } ?? []
    case .structuralTag(let text): schemas = (try? Self.json(text)).map(StructuralTagCompiler.schemas(in:)) ?? []
    case .behindThinking(let inner, _, _), .inFinalChannel(let inner):
      return conflict(in: inner, shared, until: deadline)
    case .regex, .grammar, .choice: break
    }
    let empty = schemas.first { hasNoInstance($0, shared, until: deadline) == true }
    return empty.flatMap { SchemaConflict.error(in: $0) { hasNoInstance($0, shared, until: deadline) } }
  }

  /// Nil when time is up.
  private func hasNoInstance(
    _ schema: JSONValue, _ shared: SharedExpressions, until deadline: ContinuousClock.Instant
  ) -> Bool? {
    guard ContinuousClock.now < deadline else { return nil }
    var arena = shared.arena
    arena.limit(budget, deadline: deadline)
    var graph = GrammarGraph(arena: arena, lexemes: shared.lexemes)
    do throws(GrammarError) {
      let node = try SchemaCompiler.compile(schema, whitespace: .none, &graph, budget: budget)
      _ = try graph.finish(root: node)
      return false
    } catch { return error.kind == .empty }
  }

  private static func json(_ text: String) throws(GrammarError) -> JSONValue {
    do {
      return try JSONValue(parsing: text)
    } catch {
      throw GrammarError(.invalid, at: "offset \(error.offset)", "the JSON", "is not well formed: \(error.message)")
    }
  }
}
