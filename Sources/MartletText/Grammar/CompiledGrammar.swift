import Synchronization

/// A grammar ready to constrain generations. Shared by all of them: what one finds out about a state serves the others.
/// Safe from any thread; calls on one grammar take turns.
package final class CompiledGrammar: Sendable {
  package let vocabulary: GrammarVocabulary
  private let automaton: Mutex<GrammarAutomaton>
  let start: Int32
  /// Whether the white space of its JSON is up to the model, within `WhitespaceRun`.
  let leavesWhitespaceFree: Bool
  /// Rough memory at the time of compilation.
  package let byteCount: Int

  init(_ automaton: GrammarAutomaton, _ vocabulary: GrammarVocabulary, leavesWhitespaceFree: Bool) {
    self.vocabulary = vocabulary
    self.leavesWhitespaceFree = leavesWhitespaceFree
    start = automaton.start
    byteCount = automaton.byteCount
    self.automaton = Mutex(automaton)
  }

  /// Rough memory now; it grows as generations reach new states.
  package var currentByteCount: Int { automaton.withLock { $0.byteCount } }

  func withAutomaton<Result: Sendable>(_ body: (inout GrammarAutomaton) -> Result) -> Result {
    automaton.withLock { body(&$0) }
  }
}
