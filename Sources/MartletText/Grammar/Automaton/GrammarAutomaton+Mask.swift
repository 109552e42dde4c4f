extension GrammarAutomaton {
  /// Tokens that can follow in `state`. A text is never completed by a token here: end tokens are the caller's.
  /// - Complexity: O(1) when the state was seen; else O(trie nodes of sparse threads), and a union of word arrays for
  ///   each dense one.
  mutating func mask(_ state: Int32) -> TokenMask {
    if let known = masks[state] { return known }
    var mask = TokenMask(wordCount: trie.wordCount)
    var sparse: [ParserState.Thread] = []
    let threads = states[Int(state)].threads
    for thread in threads where !addDense(thread, to: &mask) { sparse.append(thread) }
    if !sparse.isEmpty {
      let from = sparse.count == threads.count ? state : intern(ParserState(threads: sparse, accepts: false))
      walk(from, 0..<trie.nodes.count, into: &mask)
    }
    for (token, twins) in trie.twins where mask.contains(token) {
      for twin in twins { mask.insert(twin) }
    }
    let bytes = trie.wordCount * 4
    if maskBytes + bytes > budget.maxMaskBytes {
      masks.removeAll()
      maskBytes = 0
    }
    if exhausted == nil {
      masks[state] = mask
      maskBytes += bytes
    }
    return mask
  }

  /// Adds the tokens of a thread that goes on with a good part of the vocabulary from what is known about its head.
  /// False when the thread must be walked.
  private mutating func addDense(_ thread: ParserState.Thread, to mask: inout TokenMask) -> Bool {
    if case .repetition(let character, let minimum, let maximum) = graph.arena.nodes[Int(thread.head)],
      trie.isDense(thread.head, &graph.arena), let record = catalog.countedRecord(character, &graph.arena, trie)
    {
      let follower = follower(thread.frames)
      guard isSeparate(follower, record.continuing) else { return false }
      if mask.isEmpty {
        mask = record.mask(limit: maximum, wordCount: trie.wordCount)
      } else {
        mask.formUnion(record.mask(limit: maximum, wordCount: trie.wordCount))
      }
      addBoundaries(record.groups, counts: minimum...maximum, max: record.maxCount, follower, to: &mask)
      return true
    }
    guard trie.isDense(thread.head, &graph.arena) else { return false }
    let record = catalog.headRecord(thread.head, &graph.arena, trie)
    let follower = follower(thread.frames)
    guard isSeparate(follower, record.continuing) else { return false }
    mask.formUnion(record.mask)
    addBoundaries(record.groups, counts: 0...Int32.max, max: 0, follower, to: &mask)
    return true
  }

  /// Whether no text of `follower` begins with one of `bytes`.
  private mutating func isSeparate(_ follower: Int32, _ bytes: ByteSet) -> Bool {
    bytes.members.allSatisfy { step(follower, $0) == Self.dead }
  }

  private mutating func addBoundaries(
    _ groups: [BoundaryGroup], counts: ClosedRange<Int32>, max: Int32, _ follower: Int32, to mask: inout TokenMask
  ) {
    let isWhole = counts.lowerBound <= 1 && counts.upperBound >= max
    for group in groups {
      let next = step(follower, group.byte)
      guard next != Self.dead else { continue }
      if isWhole, let tokens = group.tokens {
        mask.formUnion(tokens)
      } else {
        for entry in group.entries where counts.contains(entry.count) {
          let token = trie.nodes[Int(entry.node)].token
          if token >= 0 { mask.insert(token) }
        }
      }
      if isWhole {
        for node in group.interior { walk(next, below: Int(node), into: &mask) }
      } else {
        for entry in group.entries where counts.contains(entry.count) {
          walk(next, below: Int(entry.node), into: &mask)
        }
      }
    }
  }

  private mutating func walk(_ state: Int32, below node: Int, into mask: inout TokenMask) {
    let end = Int(trie.nodes[node].end)
    if end > node + 1 { walk(state, (node + 1)..<end, into: &mask) }
  }

  /// Walks sibling subtrees from `state`, the state at their parent.
  private mutating func walk(_ state: Int32, _ range: Range<Int>, into mask: inout TokenMask) {
    guard state != Self.dead, !range.isEmpty else { return }
    var path = StatePath(depth: trie.maxDepth, parent: Int(trie.nodes[range.lowerBound].depth) - 1, state: state)
    var node = range.lowerBound
    while node < range.upperBound, exhausted == nil {
      node = advance(&path, node, range.upperBound, trie, &mask)
      guard node < range.upperBound else { return }
      let open = trie.nodes[node]
      _ = step(path.states[Int(open.depth) - 1], open.byte)
    }
  }

  /// Goes on until a transition is missing or the range ends; returns the node.
  private func advance(
    _ path: inout StatePath, _ start: Int, _ end: Int, _ trie: TokenTrie, _ mask: inout TokenMask
  ) -> Int {
    unsafe rows.withUnsafeBufferPointer { rows in
      unsafe rowOf.withUnsafeBufferPointer { rowOf in
        unsafe trie.nodes.withUnsafeBufferPointer { nodes in
          unsafe path.states.withUnsafeMutableBufferPointer { path in
            unsafe mask.edit { words in
              var node = start
              while node < end {
                let current = unsafe nodes[node]
                let depth = Int(current.depth)
                let row = unsafe rowOf[Int(path[depth - 1])]
                if row < 0 { return node }
                let next = unsafe rows[Int(row) + Int(current.byte)]
                if next < 0 { return node }
                if next == Self.dead {
                  node = Int(current.end)
                  continue
                }
                if current.token >= 0 {
                  unsafe words[Int(current.token >> 5)] |= 1 << UInt32(current.token & 31)
                }
                unsafe path[depth] = next
                node += 1
              }
              return node
            }
          }
        }
      }
    }
  }
}
