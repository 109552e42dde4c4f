package import MartletCore

/// Bounds the reasoning of an answer: when its tokens are spent, its closing tag is written in the model's place and the
/// text goes on.
///
/// The tokens behind the opening tag count, the tags do not. A tag that the model has begun is completed.
package struct ThinkingBudget: TokenConstraint {
  private let limit: Int
  private let format: ReasoningFormat
  private let start: ReasoningSplitter.Start
  private let tokenizer: Tokenizer
  /// What else holds for the answer, reasoning included.
  private let inner: (any TokenConstraint)?

  /// - Parameters:
  ///   - prompt: the end of the prompt, which may have opened or closed the reasoning.
  ///   - continuation: the text that the answer continues.
  package init(
    limit: Int, format: ReasoningFormat, prompt: String, continuation: String? = nil, tokenizer: Tokenizer,
    inner: (any TokenConstraint)? = nil
  ) {
    self.limit = limit
    self.format = format
    start = format.start(prompt: prompt, continuation: continuation)
    self.tokenizer = tokenizer
    self.inner = inner
  }

  package func state(after generated: [TokenID]) -> any TokenConstraintState {
    var state = State(budget: self, inner: inner?.state(after: []))
    for token in generated { state.advance(token) }
    return state
  }

  private enum Place {
    /// The end of a text behind which the model may open its reasoning.
    case before([UInt8])
    /// The end of the reasoning so far.
    case inside([UInt8])
    case closing(ArraySlice<TokenID>)
    case behind
  }

  private struct State: TokenConstraintState {
    private let budget: ThinkingBudget
    private var inner: (any TokenConstraintState)?
    private var place: Place
    private var spent = 0
    private var hasClosed = false

    init(budget: ThinkingBudget, inner: (any TokenConstraintState)?) {
      self.budget = budget
      self.inner = inner
      switch budget.start {
      case .content: place = .behind
      case .undecided: place = .before([])
      case .reasoning: place = .inside([])
      }
      if case .inside = place { closeWhenSpent([]) }
    }

    mutating func mask() -> [UInt32]? {
      guard case .closing(let rest) = place, let token = rest.first, token.rawValue >= 0 else { return inner?.mask() }
      var mask = [UInt32](repeating: 0, count: Int(token.rawValue >> 5) + 1)
      mask[mask.count - 1] = 1 << UInt32(token.rawValue & 31)
      return mask
    }

    mutating func forced(limit: Int) -> [TokenID] {
      guard case .closing(let rest) = place else { return inner?.forced(limit: limit) ?? [] }
      return Array(rest.prefix(limit))
    }

    mutating func advance(_ token: TokenID) {
      inner?.advance(token)
      switch place {
      case .before(let text): open(text + budget.tokenizer.bytes(of: token))
      case .inside(let text):
        spent += 1
        think(text + budget.tokenizer.bytes(of: token))
      case .closing(let rest):
        place = rest.count > 1 ? .closing(rest.dropFirst()) : budget.format.kind == .harmony ? .before([]) : .behind
      case .behind: break
      }
    }

    /// Tags open the reasoning at the beginning of an answer, channels anywhere.
    private mutating func open(_ text: [UInt8]) {
      let tags = budget.format.openTags.map { Array($0.utf8) }
      if budget.format.kind == .harmony {
        if let end = text.end(ofFirst: tags) { return think(Array(text[end...])) }
        place = .before(text.suffix((tags.map(\.count).max() ?? 1) - 1))
        return
      }
      let text = Array(text.drop { [0x20, 0x09, 0x0A, 0x0D].contains($0) })
      if let tag = tags.first(where: { text.starts(with: $0) }) { return think(Array(text[tag.count...])) }
      place = tags.contains { $0.starts(with: text) } ? .before(text) : .behind
    }

    private mutating func think(_ text: [UInt8]) {
      let tags = (budget.format.closeTags + budget.format.interrupters).map { Array($0.utf8) }
      if let end = text.end(ofFirst: tags) {
        place = budget.format.kind == .harmony ? .before(Array(text[end...])) : .behind
      } else {
        place = .inside(text.suffix((tags.map(\.count).max() ?? 1) - 1))
        closeWhenSpent(text)
      }
    }

    private mutating func closeWhenSpent(_ text: [UInt8]) {
      guard spent >= budget.limit else { return }
      let tokens = budget.closing(behind: text, isAgain: hasClosed, isConstrained: inner != nil)
      hasClosed = true
      if !tokens.isEmpty { place = .closing(tokens[...]) }
    }
  }

  /// What ends the reasoning `text`.
  /// - Parameter isAgain: the model has gone back to its reasoning: it is told to answer.
  private func closing(behind text: [UInt8], isAgain: Bool, isConstrained: Bool) -> [TokenID] {
    let tag = format.closeTags.first ?? ""
    var whole = tag
    switch format.kind {
    case .harmony: if isAgain { whole += "<|start|>assistant<|channel|>final<|message|>" }
    // A constraint begins behind the tag and knows of no blanks.
    case .tags, .appended: if !isConstrained { whole += "\n\n" }
    }
    let begun = (1..<max(1, tag.utf8.count)).last { text.suffix($0).elementsEqual(tag.utf8.prefix($0)) } ?? 0
    if begun == 0, format.kind != .harmony, let last = text.last, last != 0x0A { whole = "\n" + whole }
    guard let rest = String(whole.utf8.dropFirst(begun)) else { return [] }
    let tokens = tokenizer.encode(rest, addSpecialTokens: false)
    // Some tokenizers put a space in front of a text.
    guard tokens.flatMap({ tokenizer.bytes(of: $0) }) == Array(rest.utf8) else {
      return tokenizer.token(spelled: tag).map { [$0] } ?? tokens
    }
    return tokens
  }
}

extension [UInt8] {
  /// Where the first occurrence of one of `tags` ends.
  fileprivate func end(ofFirst tags: [[UInt8]]) -> Int? {
    for start in indices {
      if let tag = tags.first(where: { self[start...].starts(with: $0) }) { return start + tag.count }
    }
    return nil
  }
}
