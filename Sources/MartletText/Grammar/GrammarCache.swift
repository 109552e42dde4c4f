package import MartletCore
import Synchronization

/// Compiled grammars by what they were compiled from and for whom, bounded in bytes; the ones used longest ago go first.
/// Safe from any thread. Two callers with the same new grammar may both compile it.
package final class GrammarCache: Sendable {
  private struct Key: Hashable {
    let namespace: CacheNamespace
    let source: GrammarSource
  }

  private struct Entry {
    let grammar: CompiledGrammar
    var lastUse: UInt64
  }

  private struct State {
    var vocabulary: GrammarVocabulary?
    var entries: [Key: Entry] = [:]
    var clock: UInt64 = 0
  }

  private let tokenizer: Tokenizer
  private let budget: GrammarBudget
  private let maxBytes: Int
  private let state = Mutex(State())

  package init(tokenizer: Tokenizer, budget: GrammarBudget = GrammarBudget(), maxBytes: Int = 256 << 20) {
    self.tokenizer = tokenizer
    self.budget = budget
    self.maxBytes = maxBytes
  }

  /// The vocabulary's trie and what all grammars share; built by the first caller, for which the others wait.
  package var vocabulary: GrammarVocabulary {
    state.withLock { state in
      if let known = state.vocabulary { return known }
      let built = GrammarVocabulary(tokenizer: tokenizer)
      state.vocabulary = built
      return built
    }
  }

  /// - Complexity: a look-up for a known grammar; else a compilation within the budget.
  package func grammar(_ source: GrammarSource, namespace: CacheNamespace) throws(GrammarError) -> CompiledGrammar {
    let key = Key(namespace: namespace, source: source)
    let known: CompiledGrammar? = state.withLock { state in
      state.clock += 1
      state.entries[key]?.lastUse = state.clock
      return state.entries[key]?.grammar
    }
    // A grammar that has grown to an eighth of the cache starts anew; its running generations keep the old one.
    if let known, known.currentByteCount < maxBytes / 8 { return known }
    let grammar = try GrammarCompiler(vocabulary: vocabulary, budget: budget).compile(source)
    state.withLock { state in
      state.entries[key] = Entry(grammar: grammar, lastUse: state.clock)
      Self.shrink(&state, to: maxBytes)
    }
    return grammar
  }

  private static func shrink(_ state: inout State, to maxBytes: Int) {
    var sizes = state.entries.mapValues { $0.grammar.currentByteCount }
    var total = sizes.values.reduce(0, +)
    while total > maxBytes, state.entries.count > 1,
      let oldest = state.entries.min(by: { $0.value.lastUse < $1.value.lastUse })?.key
    {
      total -= sizes.removeValue(forKey: oldest) ?? 0
      state.entries[oldest] = nil
    }
  }
}
