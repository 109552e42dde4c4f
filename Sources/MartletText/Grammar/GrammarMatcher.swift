package import MartletCore

/// One generation's place in a grammar. A value: a copy goes on by itself (`n` choices, speculation).
package struct GrammarMatcher: Sendable {
  package let grammar: CompiledGrammar
  /// Automaton states: the start, then one after each token.
  private var states: [Int32]

  package init(_ grammar: CompiledGrammar) {
    self.grammar = grammar
    states = [grammar.start]
  }

  private var state: Int32 { states[states.count - 1] }

  /// Tokens taken so far.
  package var count: Int { states.count - 1 }

  /// Whether the text may end here.
  package var accepts: Bool { grammar.withAutomaton { [state] in $0.accepts(state) } }

  /// The budget that the grammar ran into; then it gives no further answers.
  package var exhausted: String? { grammar.withAutomaton { $0.exhausted } }

  /// Bit t of word t / 32 is set when token t may come next. End tokens are allowed when `accepts` says so; they are
  /// not in the mask unless the grammar spells them.
  package func mask() -> [UInt32] { grammar.withAutomaton { [state] in $0.mask(state).words } }

  /// As `mask`, but without white space that would make a long run of it longer.
  func mask(after run: WhitespaceRun) -> [UInt32] {
    guard grammar.leavesWhitespaceFree, let excluded = run.excluded(grammar.vocabulary) else { return mask() }
    return grammar.withAutomaton { [state] automaton in
      let mask = automaton.mask(state)
      guard automaton.takesFreeWhitespace(state) else { return mask.words }
      var rest = mask
      rest.subtract(excluded)
      // A vocabulary may spell what must follow with white space in front only.
      return rest.isEmpty ? mask.words : rest.words
    }
  }

  /// Takes a token. False, and nothing changes, when the grammar does not allow it.
  package mutating func advance(_ token: TokenID) -> Bool {
    advance(bytes: grammar.vocabulary.bytes(of: token.rawValue))
  }

  /// Takes text as if it were one token.
  package mutating func advance(bytes: [UInt8]) -> Bool {
    guard !bytes.isEmpty else { return false }
    let next = grammar.withAutomaton { [state] automaton in
      var next = state
      for byte in bytes {
        next = automaton.step(next, byte)
        if next == GrammarAutomaton.dead { break }
      }
      return automaton.exhausted == nil ? next : GrammarAutomaton.dead
    }
    guard next != GrammarAutomaton.dead else { return false }
    states.append(next)
    return true
  }

  /// Gives back the last `count` tokens.
  /// - Complexity: O(count).
  package mutating func rollback(_ count: Int) { states.removeLast(min(max(0, count), states.count - 1)) }

  /// The tokens by which a tokenizer spells what must come next; without the last one where a longer token may stand in
  /// its place.
  /// - Parameter seam: the text of the token in front, across which tokenizers look.
  package func forcedTokens(limit: Int, behind seam: [UInt8] = []) -> [TokenID] {
    guard grammar.vocabulary.canEncode, !mayBranch else { return [] }
    var tokens = grammar.vocabulary.encode(forcedBytes(limit: 4 * limit), behind: seam)
    if tokens.count > limit { return Array(tokens[..<limit]) }
    guard let last = tokens.last else { return [] }
    var ahead = self
    for token in tokens.dropLast() where !ahead.advance(token) { return [] }
    if grammar.vocabulary.hasLonger(than: last, in: ahead.mask()) { tokens.removeLast() }
    return tokens
  }

  /// Whether so many tokens may come next that their texts cannot all begin alike.
  private var mayBranch: Bool { mask().reduce(0) { $0 + $1.nonzeroBitCount } > 64 }

  /// The bytes that must come next: as long as there is one way on and the text may not end.
  package func forcedBytes(limit: Int = 256) -> [UInt8] {
    grammar.withAutomaton { [state] automaton in
      var forced: [UInt8] = []
      var current = state
      while forced.count < limit, let byte = automaton.onlyByte(current) {
        forced.append(byte)
        current = automaton.step(current, byte)
      }
      return forced
    }
  }

  /// The shortest bytes that complete the text; nil where a search of `limit` states finds none.
  package func shortestCompletion(limit: Int = 4_096) -> [UInt8]? {
    grammar.withAutomaton { [state] automaton in
      var origins: [Int32: (state: Int32, byte: UInt8)] = [:]
      var pending = [state]
      var next = 0
      while next < pending.count, pending.count < limit {
        var current = pending[next]
        next += 1
        if automaton.accepts(current) {
          var bytes: [UInt8] = []
          while let origin = origins[current] {
            bytes.append(origin.byte)
            current = origin.state
          }
          return bytes.reversed()
        }
        for byte in UInt8.min...UInt8.max {
          let target = automaton.step(current, byte)
          guard target != GrammarAutomaton.dead, target != state, origins[target] == nil else { continue }
          origins[target] = (current, byte)
          pending.append(target)
        }
      }
      return nil
    }
  }
}

extension GrammarAutomaton {
  /// The only byte that can follow; nil when there are more or the text may end.
  mutating func onlyByte(_ state: Int32) -> UInt8? {
    guard state != Self.dead, !accepts(state) else { return nil }
    var only: UInt8?
    for byte in UInt8.min...UInt8.max where step(state, byte) != Self.dead {
      guard only == nil else { return nil }
      only = byte
    }
    return only
  }
}
