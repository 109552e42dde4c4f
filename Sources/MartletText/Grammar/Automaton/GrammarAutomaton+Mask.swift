extension GrammarAutomaton {
  /// Tokens that can follow in `state`. A text is never completed by a token here: end tokens are the caller's.
  /// - Complexity: O(1) when the state was seen; else O(trie nodes of sparse threads), and a union of word arrays for
  ///   each dense one.
  mutating func mask(_ state: Int32) -> TokenMask {
    if let known = masks[state] { return known.mask(wordCount: trie.wordCount) }
    var mask = TokenMask(wordCount: trie.wordCount)
    var sparse: [ParserState.Thread] = []
    let threads = states[Int(state)].threads
    for thread in threads where !addDense(thread, to: &mask) { sparse.append(thread) }
    if !sparse.isEmpty {
      let from = sparse.count == threads.count ? state : intern(ParserState(threads: sparse, accepts: false))
      var path = StatePath(depth: trie.maxDepth)
      walk(from, 0..<trie.nodes.count, &path, into: &mask)
    }
    for (token, twins) in trie.twins where mask.contains(token) {
      for twin in twins { mask.insert(twin) }
    }
    let stored = StoredMask(mask)
    if maskBytes + stored.byteCount > budget.maxMaskBytes {
      masks.removeAll()
      maskBytes = 0
    }
    if exhausted == nil {
      masks[state] = stored
      maskBytes += stored.byteCount
    }
    return mask
  }

  /// Adds the tokens of a thread that goes on with a good part of the vocabulary from what is known about its head.
  /// False when the thread must be walked.
  private mutating func addDense(_ thread: ParserState.Thread, to mask: inout TokenMask) -> Bool {
    guard catalog.isDense(thread.head, &graph.arena, trie) else { return false }
    if case .repetition(let character, let minimum, let maximum) = graph.arena.nodes[Int(thread.head)],
      let record = catalog.countedRecord(character, &graph.arena, trie)
    {
      let follower = follower(thread.frames)
      guard isSeparate(follower, record.continuing) else { return false }
      if mask.isEmpty {
        mask = record.mask(limit: maximum, wordCount: trie.wordCount)
      } else {
        mask.formUnion(record.mask(limit: maximum, wordCount: trie.wordCount))
      }
      addBoundaries(record.groups, counts: minimum...maximum, follower, to: &mask)
      return true
    }
    let record = catalog.headRecord(thread.head, &graph.arena, trie)
    let follower = follower(thread.frames)
    guard isSeparate(follower, record.continuing) else { return false }
    mask.formUnion(record.mask)
    addBoundaries(record.groups, counts: 0...Int32.max, follower, to: &mask)
    return true
  }

  /// Whether no text of `follower` begins with one of `bytes`.
  private mutating func isSeparate(_ follower: Int32, _ bytes: ByteSet) -> Bool {
    for byte in bytes.members where step(follower, byte) != Self.dead { return false }
    return true
  }

  private mutating func addBoundaries(
    _ groups: [BoundaryGroup], counts: ClosedRange<Int32>, _ follower: Int32, to mask: inout TokenMask
  ) {
    var path = StatePath(depth: trie.maxDepth)
    for group in groups {
      let next = step(follower, group.byte)
      guard next != Self.dead else { continue }
      group.addTokens(counts, trie, to: &mask)
      for entry in group.interior(counts) {
        let node = Int(entry.node)
        walk(next, (node + 1)..<Int(trie.nodes[node].end), &path, into: &mask)
      }
    }
  }

  /// Walks sibling subtrees from `state`, the state at their parent.
  private mutating func walk(
    _ state: Int32, _ range: Range<Int>, _ path: inout StatePath, into mask: inout TokenMask
  ) {
    guard state != Self.dead, !range.isEmpty else { return }
    path.states[Int(trie.nodes[range.lowerBound].depth) - 1] = state
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
        unsafe singles.withUnsafeBufferPointer { singles in
          unsafe trie.nodes.withUnsafeBufferPointer { nodes in
            unsafe path.states.withUnsafeMutableBufferPointer { path in
              unsafe mask.edit { words in
                var node = start
                while node < end {
                  let current = unsafe nodes[node]
                  let depth = Int(current.depth)
                  let state = unsafe Int(path[depth - 1])
                  let row = unsafe rowOf[state]
                  let next: Int32
                  if row >= 0 {
                    next = unsafe rows[Int(row) + Int(current.byte)]
                    if next < 0 { return node }
                  } else {
                    guard row == Self.single else { return node }
                    next = unsafe singles[state].byte == current.byte ? singles[state].next : Self.dead
                  }
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
}
