/// Expressions that many grammars use, with what the vocabulary looks like from their states. Grammars begin with a copy,
/// so that equal expressions have equal ids in all of them and nothing is found out twice.
struct SharedExpressions: Sendable {
  private(set) var arena: RegularArena
  let lexemes: JSONLexemes
  private(set) var catalog = HeadCatalog()

  /// The common parts of JSON.
  init(_ trie: TokenTrie) {
    arena = RegularArena(budget: GrammarBudget())
    lexemes = JSONLexemes(&arena)
    for string in [lexemes.freeString, lexemes.string] {
      explore(string, trie)
      // Names that exclude others are compared with what is left of any name.
      _ = catalog.headRecord(arena.step(string, UInt8(ascii: "\"")), &arena, trie)
    }
    explore(lexemes.whitespace, trie)
    for set in Self.commonClasses { explore(arena.star(arena.bytes(set)), trie) }
    for spelling in [StringSpelling.plain, .json] {
      explore(arena.star(arena.character(CharacterClass.notLineEnd, spelling)), trie)
    }
    arena.share()
    catalog = catalog.asShared
  }

  /// With the string formats of JSON Schema, whose states are looked at before a text reaches them.
  func withFormats(_ trie: TokenTrie) -> SharedExpressions {
    var result = self
    for names in StringFormat.explored {
      var languages: [RegularID] = []
      for name in names {
        let language = try? StringFormat.language(name, lexemes, at: "#", maxDepth: 64, &result.arena)
        if let language { languages.append(language) }
      }
      result.explore(result.arena.choice(languages), trie)
    }
    result.arena.share()
    result.catalog = result.catalog.asShared
    return result
  }

  /// Adds what the vocabulary looks like from the states of an expression.
  private mutating func explore(_ language: RegularID, _ trie: TokenTrie) {
    var graph = GrammarGraph(arena: arena, lexemes: lexemes)
    let root = graph.terminal(language)
    var automaton = GrammarAutomaton(graph: graph, root: root, trie: trie, catalog: catalog, budget: GrammarBudget())
    automaton.explore(maxStates: Self.maxStates)
    guard automaton.exhausted == nil else { return }
    arena = automaton.graph.arena
    catalog = automaton.catalog
  }

  private static let maxStates = 160

  /// Characters of which the patterns of schemas are mostly made.
  private static let commonClasses: [ByteSet] = {
    let (digits, small, capital) = (ByteSet(0x30...0x39), ByteSet(0x61...0x7A), ByteSet(0x41...0x5A))
    let bases = [small, small | capital, digits | small, digits | capital, digits | small | capital]
    return bases.flatMap { base in ["", "_", "-", "_-"].map { base | ByteSet($0.utf8) } }
  }()
}

extension GrammarAutomaton {
  /// Computes masks breadth-first from the start, once for all states that differ in how far they have counted only.
  mutating func explore(maxStates: Int) {
    var seen: Set<[RegularID]> = []
    var reached: Set<Int32> = [start, Self.dead]
    var pending = [start]
    var next = 0
    while next < pending.count, seen.count < maxStates, exhausted == nil {
      let state = pending[next]
      next += 1
      let heads = states[Int(state)].threads.map { graph.arena.relaxation($0.head)?.id ?? $0.head }
      guard seen.insert(heads).inserted else { continue }
      _ = mask(state)
      for byte in UInt8.min...UInt8.max {
        let target = step(state, byte)
        if reached.insert(target).inserted { pending.append(target) }
      }
    }
  }
}
