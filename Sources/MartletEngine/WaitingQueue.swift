import MartletCore

/// Requests that do not run. A policy looks only at a window of the foremost ones, so that a long queue costs nothing;
/// behind the window the order is priority, then retracted before new, then arrival.
struct WaitingQueue {
  /// What ordering needs of a waiting request.
  struct Candidate: Comparable {
    let id: RequestID
    let priority: Int
    let isResumed: Bool
    let arrival: UInt64
    let outputLimit: Int
    /// Admissions at the time of queueing; tells how often others went first.
    let queuedAt: UInt64
    var cursor = PrefixCache.Cursor()
    /// Somebody is computing this candidate's next page.
    var awaitedEdge: PrefixCache.Edge?

    static func < (left: Candidate, right: Candidate) -> Bool {
      if left.priority != right.priority { return left.priority > right.priority }
      if left.isResumed != right.isResumed { return left.isResumed }
      return left.arrival < right.arrival
    }
    static func == (left: Candidate, right: Candidate) -> Bool { left.arrival == right.arrival }
  }

  static let windowSize = 256

  private(set) var states: [RequestID: SequenceState] = [:]
  private(set) var window: [Candidate] = []
  private var backlog = PriorityHeap<Candidate>()
  private let policy: SchedulePolicy
  /// A candidate that so many admissions passed by goes first.
  private let patience: UInt64

  init(policy: SchedulePolicy, patience: Int) {
    self.policy = policy
    self.patience = UInt64(patience)
  }

  var count: Int { states.count }
  var isEmpty: Bool { states.isEmpty }

  mutating func add(_ state: SequenceState, isResumed: Bool, admissions: UInt64) {
    states[state.id] = state
    let candidate = Candidate(
      id: state.id, priority: state.request.priority, isResumed: isResumed, arrival: state.arrival,
      outputLimit: state.request.stop.maxTokens, queuedAt: admissions)
    if window.count < Self.windowSize {
      window.append(candidate)
    } else if let worst = window.indices.max(by: { window[$0] < window[$1] }), candidate < window[worst] {
      backlog.push(window[worst])
      window[worst] = candidate
    } else {
      backlog.push(candidate)
    }
  }

  @discardableResult
  mutating func remove(_ id: RequestID) -> SequenceState? {
    guard let state = states.removeValue(forKey: id) else { return nil }
    if let index = window.firstIndex(where: { $0.id == id }) { window.remove(at: index) }
    while window.count < Self.windowSize, let next = backlog.pop() {
      if states[next.id] != nil { window.append(next) }
    }
    if backlog.count > 2 * states.count + 64 {
      let live = states
      backlog.removeAll { live[$0.id] == nil }
    }
    return state
  }

  /// Changes a waiting generation in place: a step that was in flight when it was retracted has been committed.
  mutating func update<Value>(_ id: RequestID, _ change: (inout SequenceState) -> Value) -> Value? {
    guard var state = states.removeValue(forKey: id) else { return nil }
    defer { states[id] = state }
    return change(&state)
  }

  mutating func setCursor(_ cursor: PrefixCache.Cursor, awaiting edge: PrefixCache.Edge?, at index: Int) {
    window[index].cursor = cursor
    window[index].awaitedEdge = edge
  }

  /// The window's index of the request that should run next among those that `isEligible`. O(window).
  func next(admissions: UInt64, where isEligible: (Candidate) -> Bool) -> Int? {
    var popularity: [PrefixCache.Node: Int] = [:]
    if policy == .depthFirstWeight {
      for candidate in window { if let node = candidate.cursor.node { popularity[node, default: 0] += 1 } }
    }
    var best: Int?
    for index in window.indices where isEligible(window[index]) {
      guard let current = best else {
        best = index
        continue
      }
      if precedes(window[index], window[current], admissions, popularity) { best = index }
    }
    return best
  }

  private func precedes(
    _ left: Candidate, _ right: Candidate, _ admissions: UInt64, _ popularity: [PrefixCache.Node: Int]
  ) -> Bool {
    if left.priority != right.priority { return left.priority > right.priority }
    if left.isResumed != right.isResumed { return left.isResumed }
    let leftIsOverdue = admissions - left.queuedAt > patience
    let rightIsOverdue = admissions - right.queuedAt > patience
    if leftIsOverdue != rightIsOverdue { return leftIsOverdue }
    if leftIsOverdue { return left.arrival < right.arrival }
    let leftRank = rank(left, popularity)
    let rightRank = rank(right, popularity)
    return leftRank == rightRank ? left.arrival < right.arrival : leftRank > rightRank
  }

  private func rank(_ candidate: Candidate, _ popularity: [PrefixCache.Node: Int]) -> UInt64 {
    switch policy {
    case .longestPrefixMatch: UInt64(candidate.cursor.pageCount)
    case .random: Self.scramble(candidate.arrival)
    case .firstComeFirstServed: 0
    case .depthFirstWeight: UInt64(candidate.cursor.node.flatMap { popularity[$0] } ?? 0)
    case .longestOutputFirst: UInt64(candidate.outputLimit)
    }
  }

  private static func scramble(_ value: UInt64) -> UInt64 {
    var random = SplitMix64(seed: value)
    return random.next()
  }
}
