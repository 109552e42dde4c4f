package import MartletCore

/// A compiled grammar as the engine's constraint on a request.
package struct GrammarConstraint: TokenConstraint {
  package let grammar: CompiledGrammar
  /// Tokens that end a generation; allowed exactly where the text may end.
  package let endTokens: [TokenID]
  /// The grammar begins behind the first occurrence of this text (the end of thinking) and the white space that its
  /// last token brings along; empty: at once.
  package let opening: [UInt8]

  package init(grammar: CompiledGrammar, endTokens: [TokenID], opening: [UInt8] = []) {
    self.grammar = grammar
    self.endTokens = endTokens
    self.opening = opening
  }

  package func state(after generated: [TokenID]) -> any TokenConstraintState {
    var state = State(constraint: self)
    for token in generated { state.advance(token) }
    return state
  }

  private enum Phase {
    /// The last bytes of the output, shorter than `opening`.
    case waiting(tail: [UInt8])
    case matching(GrammarMatcher)
    case ended
    case failed
  }

  private struct State: TokenConstraintState {
    let constraint: GrammarConstraint
    private var phase: Phase
    /// The last token.
    private var last: TokenID?
    private var run = WhitespaceRun()

    init(constraint: GrammarConstraint) {
      self.constraint = constraint
      phase = constraint.opening.isEmpty ? .matching(GrammarMatcher(constraint.grammar)) : .waiting(tail: [])
    }

    mutating func mask() -> [UInt32]? {
      switch phase {
      case .waiting: return nil
      case .failed: return []
      case .ended: return ends(in: [])
      case .matching(let matcher):
        let mask = matcher.mask(after: run)
        guard matcher.exhausted == nil else { return [] }
        return matcher.accepts ? ends(in: mask) : mask
      }
    }

    mutating func forced(limit: Int) -> [TokenID] {
      guard case .matching(let matcher) = phase else { return [] }
      return matcher.forcedTokens(
        limit: limit, behind: last.map { constraint.grammar.vocabulary.spelling(of: $0) } ?? [])
    }

    private func ends(in mask: [UInt32]) -> [UInt32] {
      var mask = mask
      for token in constraint.endTokens where token.rawValue >= 0 {
        let word = Int(token.rawValue >> 5)
        if word >= mask.count { mask += [UInt32](repeating: 0, count: word + 1 - mask.count) }
        mask[word] |= 1 << UInt32(token.rawValue & 31)
      }
      return mask
    }

    mutating func advance(_ token: TokenID) {
      last = token
      if constraint.grammar.leavesWhitespaceFree { run.take(constraint.grammar.vocabulary.spelling(of: token)) }
      switch phase {
      case .waiting(let tail): phase = wait(tail + constraint.grammar.vocabulary.spelling(of: token))
      case .matching(var matcher):
        if matcher.accepts, constraint.endTokens.contains(token) {
          phase = .ended
        } else {
          // The matcher has one owner: it grows in place.
          phase = .failed
          phase = matcher.advance(token) ? .matching(matcher) : .failed
        }
      case .ended, .failed: break
      }
    }

    private func wait(_ text: [UInt8]) -> Phase {
      let opening = constraint.opening
      let starts = text.count >= opening.count ? 0...(text.count - opening.count) : nil
      guard let start = starts?.first(where: { text[$0...].starts(with: opening) }) else {
        return .waiting(tail: text.suffix(opening.count - 1))
      }
      var rest = Array(text[(start + opening.count)...])
      while let byte = rest.first, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { rest.removeFirst() }
      var matcher = GrammarMatcher(constraint.grammar)
      return rest.isEmpty || matcher.advance(bytes: rest) ? .matching(matcher) : .failed
    }
  }
}
