/// A lazily built deterministic automaton over bytes whose states are sets of parser threads. A state is reached from
/// any text that leaves the same threads, so that masks are computed once for each.
///
/// Left-to-right and without backtracking: a byte costs one table look-up once its transition is known.
struct GrammarAutomaton: Sendable {
  struct Single: Sendable {
    let byte: UInt8
    let next: Int32
  }

  static let dead: Int32 = 0
  static let unknown: Int32 = -1
  static let single: Int32 = -2

  var graph: GrammarGraph
  let trie: TokenTrie
  let budget: GrammarBudget
  let start: Int32

  private(set) var states: [ParserState] = [.dead]
  private var ids: [ParserState: Int32] = [.dead: 0]
  /// By state: the first of 256 targets in `rows`, `unknown`, or `single`.
  private(set) var rowOf: [Int32] = [GrammarAutomaton.unknown]
  /// Of `single` states: the only byte that can follow, and its target; most states of a text that is told by its grammar.
  private(set) var singles: [Single] = [Single(byte: 0, next: GrammarAutomaton.dead)]
  /// Targets; -1 where not computed.
  private(set) var rows: [Int32] = []
  private(set) var frames = FrameSets()
  private var followers: [Int32: Int32] = [:]
  private var splits: [RegularID: Bool] = [:]
  var catalog: HeadCatalog
  var masks: [Int32: StoredMask] = [:]
  var maskBytes = 0

  /// - Parameter graph: given up by the caller: it grows in place.
  init(
    graph: consuming GrammarGraph, root: GrammarNodeID, trie: TokenTrie, catalog: HeadCatalog, budget: GrammarBudget
  ) {
    self.trie = trie
    self.catalog = catalog
    self.budget = budget
    var closure = StateClosure()
    closure.add(root, on: FrameSets.bottom)
    var frames = FrameSets()
    var splits: [RegularID: Bool] = [:]
    let state = closure.finish(&graph, &frames, &splits, trie, limit: budget.maxThreads)
    self.graph = graph
    self.frames = frames
    self.splits = splits
    start = 1
    states.append(state)
    ids[state] = 1
    rowOf.append(Self.unknown)
    singles.append(Single(byte: 0, next: Self.dead))
  }

  /// Set once a budget is exceeded: the automaton gives no further answers.
  var exhausted: String? { graph.arena.exhausted }
  /// Rough memory, for the caches that hold automata.
  var byteCount: Int {
    graph.arena.nodes.count * 120 + graph.arena.transitions.byteCount + rows.count * 4 + states.count * 160
      + maskBytes + catalog.ownCount * trie.wordCount * 4
  }

  mutating func intern(_ state: ParserState) -> Int32 {
    if let known = ids[state] { return known }
    guard states.count < graph.arena.maxNodes, rows.count >> 8 < graph.arena.maxRows else {
      graph.arena.exhaust("the number of parser states")
      return Self.dead
    }
    let id = Int32(states.count)
    states.append(state)
    ids[state] = id
    rowOf.append(Self.unknown)
    singles.append(Single(byte: 0, next: Self.dead))
    return id
  }

  func accepts(_ state: Int32) -> Bool { states[Int(state)].accepts }

  /// Whether JSON's free white space may come next.
  func takesFreeWhitespace(_ state: Int32) -> Bool {
    states[Int(state)].threads.contains { thread in
      if case .sequence(let first, _) = graph.arena.nodes[Int(thread.head)] { return first == graph.lexemes.whitespace }
      return thread.head == graph.lexemes.whitespace
    }
  }

  /// The state after `byte`; dead when no text of the grammar goes on so.
  mutating func step(_ state: Int32, _ byte: UInt8) -> Int32 {
    if state == Self.dead { return Self.dead }
    let row = rowOf[Int(state)]
    if row >= 0 {
      let known = rows[Int(row) + Int(byte)]
      return known >= 0 ? known : compute(state, byte)
    }
    if row == Self.unknown { open(state) }
    guard rowOf[Int(state)] == Self.single else { return step(state, byte) }
    let single = singles[Int(state)]
    return single.byte == byte ? single.next : Self.dead
  }

  /// Computes a transition and stores it for all bytes that no thread tells apart.
  private mutating func compute(_ state: Int32, _ byte: UInt8) -> Int32 {
    let threads = states[Int(state)].threads
    let targets = threads.map { graph.arena.step($0.head, byte) }
    let next = target(threads, targets)
    let base = Int(rowOf[Int(state)])
    rows[base + Int(byte)] = next
    var same = ByteSet.all
    for (thread, target) in zip(threads, targets) { same &= graph.arena.bytes(from: thread.head, to: target) }
    same.forEach { if rows[base + Int($0)] < 0 { rows[base + Int($0)] = next } }
    return next
  }

  /// The state of threads whose heads have become `targets`.
  private mutating func target(_ threads: [ParserState.Thread], _ targets: [RegularID]) -> Int32 {
    var moved: [ParserState.Thread] = []
    var isSimple = true
    for (thread, target) in zip(threads, targets) where target != RegularArena.nothing {
      moved.append(ParserState.Thread(head: target, frames: thread.frames))
      isSimple = isSimple && StateClosure.isThread(target, &graph.arena, &splits, trie)
    }
    if isSimple, !moved.isEmpty {
      moved.sort { $0.head < $1.head }
      if zip(moved, moved.dropFirst()).allSatisfy({ $0.head != $1.head }) {
        return intern(ParserState(threads: moved, accepts: false))
      }
    }
    var closure = StateClosure()
    for thread in moved { closure.add(head: thread.head, on: thread.frames) }
    return intern(closure.finish(&graph, &frames, &splits, trie, limit: budget.maxThreads))
  }

  /// Prepares a state's transitions: a row in which the bytes are dead that no thread goes on with, the others not computed
  /// yet; or the only one, computed.
  private mutating func open(_ state: Int32) {
    let threads = states[Int(state)].threads
    var live = ByteSet.none
    for thread in threads { live |= graph.arena.liveBytes(thread.head) }
    if let byte = live.single {
      let next = target(threads, threads.map { graph.arena.step($0.head, byte) })
      singles[Int(state)] = Single(byte: byte, next: next)
    }
    guard live.count > 1 else {
      rowOf[Int(state)] = Self.single
      return
    }
    rowOf[Int(state)] = Int32(rows.count)
    rows.append(contentsOf: repeatElement(Self.dead, count: 256))
    let base = rows.count - 256
    live.forEach { rows[base + Int($0)] = -1 }
  }

  /// The state behind a thread's head: what its frames begin with.
  mutating func follower(_ frameSet: Int32) -> Int32 {
    if let known = followers[frameSet] { return known }
    var closure = StateClosure()
    closure.pop(frameSet)
    let state = intern(closure.finish(&graph, &frames, &splits, trie, limit: budget.maxThreads))
    followers[frameSet] = state
    return state
  }
}
