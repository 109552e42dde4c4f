/// Main path 4/8: which sequences run in the next step, and what its results mean.
package import MartletCore

/// Decides, never acts: no clock, no I/O, no tensors. A plan may be made before the step ahead of it is committed;
/// plans are committed in the order in which they were made.
package struct Scheduler {
  /// Waiting candidates examined by one plan; bounds its time.
  private static let examinedPerPlan = 32

  private let options: EngineOptions
  private var cache: PrefixCache
  private var waiting: WaitingQueue
  /// In order of admission.
  private var running: [RunningSequence] = []
  private var positions: [Int?]
  private var freeSlots: [SlotIndex]
  private var pendingReleases: [SlotIndex] = []
  private var pendingEdges: [PrefixCache.Edge: RequestID] = [:]
  private var estimate = OutputEstimate()
  private var speculation: Speculation?
  private var arrivals: UInt64 = 0
  private var admissions: UInt64 = 0
  private var started: [RequestID] = []
  private var refreshed = 0
  private var counters = EngineLoad()

  package init(options: EngineOptions) {
    self.options = options
    cache = PrefixCache(
      pageCount: options.pageCount, pageSize: options.pageSize, policy: options.eviction,
      isEnabled: options.enablePrefixCache)
    waiting = WaitingQueue(policy: options.policy, patience: 4 * options.runningLimit)
    speculation = options.overlap ? nil : options.speculation.map { Speculation(options: $0) }
    positions = Array(repeating: nil, count: options.runningLimit)
    freeSlots = (0..<options.runningLimit).reversed().map { SlotIndex(Int32($0)) }
  }

  package var isIdle: Bool { running.isEmpty && waiting.isEmpty }

  package var load: EngineLoad {
    var load = counters
    load.runningRequests = running.count
    load.queuedRequests = waiting.count
    load.pageSize = options.pageSize
    load.totalPages = cache.pool.totalCount
    load.freePages = cache.pool.freeCount
    load.cachedPages = cache.pool.cachedCount
    load.leasedPages = cache.pool.leasedCount
    return load
  }

  /// Requests that ran for the first time in plans since the last call.
  package mutating func takeStarted() -> [RequestID] {
    defer { started = [] }
    return started
  }

  // MARK: Requests come and go

  /// Takes a request that fits the engine's limits.
  package mutating func admit(_ id: RequestID, _ request: GenerationRequest) {
    arrivals += 1
    let state = SequenceState(id: id, request: request, arrival: arrivals)
    waiting.add(state, isResumed: false, admissions: admissions)
  }

  /// Ends a generation wherever it is; nil when it is unknown. Its pages are free at once.
  package mutating func cancel(_ id: RequestID) -> GenerationUsage? {
    if let state = waiting.remove(id) {
      counters.finishedRequests += 1
      return state.usage
    }
    guard let index = running.firstIndex(where: { $0.state.id == id }) else { return nil }
    counters.finishedRequests += 1
    return leave(index).usage
  }

  /// Empties the prefix cache of everything that nobody uses; false, and nothing done, when requests are live.
  package mutating func flushCache() -> Bool {
    guard isIdle else { return false }
    cache.flush()
    return true
  }

  /// Gives up slot and pages; whole pages stay in the cache.
  private mutating func leave(_ index: Int) -> SequenceState {
    let sequence = running.remove(at: index)
    positions[Int(sequence.slot.rawValue)] = nil
    for later in index..<running.count { positions[Int(running[later].slot.rawValue)] = later }
    cache.release(sequence.pages)
    cache.close(sequence.root)
    if let edge = sequence.pendingEdge, pendingEdges[edge] == sequence.state.id { pendingEdges[edge] = nil }
    speculation?.forget(sequence.state.id)
    pendingReleases.append(sequence.slot)
    freeSlots.append(sequence.slot)
    return sequence.state
  }

  // MARK: Planning

  /// The next step: decodes, then prompts in progress, then new prompts, under the token budget. Without rows there is
  /// nothing to do until a step is committed or a request comes.
  package mutating func plan() -> StepPlan {
    var plan = StepPlan()
    let hasRetracted = reserveDecodePages()
    var budget = options.maxBatchedTokens
    var prefills = 0
    appendDecodes(to: &plan, budget: &budget)
    if !plan.rows.isEmpty { budget = min(budget, options.maxMixedPrefillTokens ?? budget) }
    for index in running.indices where running[index].isPrefilling && budget > 0 && prefills < prefillLimit {
      appendPrefill(index, to: &plan, budget: &budget)
      prefills += 1
    }
    if !hasRetracted { admitWaiting(to: &plan, budget: &budget, prefills: prefills) }
    if !plan.rows.isEmpty {
      plan.releases = pendingReleases
      pendingReleases = []
      estimate.stepped()
      counters.steps += 1
    }
    return plan
  }

  /// A row for every decoding sequence; guesses behind their tokens take what is left of the budget.
  private mutating func appendDecodes(to plan: inout StepPlan, budget: inout Int) {
    let decoding = running.indices.filter { running[$0].decodes }
    budget -= decoding.count
    for index in decoding {
      let draft = draft(index, rows: decoding.count, budget: budget)
      budget -= draft?.count ?? 0
      let isForced = draft != nil && speculation?.writesForced(running[index].state.id) == true
      var row = running[index].decodeRow(draft: draft, isForced: isForced, pageSize: options.pageSize)
      row.looksAhead = looksAhead(index, rows: decoding.count)
      plan.rows.append(row)
    }
  }

  /// nil where there is no speculation, or the sequence's last token is still in flight.
  private mutating func draft(_ index: Int, rows: Int, budget: Int) -> [TokenID]? {
    guard speculation != nil, running[index].state.samplesInFlight == 0 else { return nil }
    let planned = running[index].planned
    let left = running[index].state.request.stop.maxTokens - running[index].state.generatedCount - 1
    let wanted = min(budget, left)
    guard wanted > 0, let draft = speculation?.draft(for: running[index].state, rows: rows, limit: wanted) else {
      return []
    }
    // A guess is not worth another page's eviction.
    while running[index].pages.count * options.pageSize < planned + 1 + draft.count, cache.pool.freeCount > 0,
      let page = cache.allocate()
    {
      running[index].pages.append(page)
    }
    let room = running[index].pages.count * options.pageSize - planned - 1
    if speculation?.writesForced(running[index].state.id) == false {
      counters.draftedTokens += UInt64(min(draft.count, room))
    }
    return Array(draft.prefix(room))
  }

  /// Whether it is of use to know what must follow a sequence's next token.
  private func looksAhead(_ index: Int, rows: Int) -> Bool {
    running[index].state.request.constraint != nil
      && speculation?.expectsForced(running[index].state.id, rows: rows) == true
  }

  private var prefillLimit: Int { options.maxPrefillRows ?? Int.max }

  private mutating func appendPrefill(_ index: Int, to plan: inout StepPlan, budget: inout Int) {
    var row = running[index].prefillRow(budget: budget, pageSize: options.pageSize)
    row.looksAhead = row.samples && looksAhead(index, rows: min(running.count + waiting.count, options.runningLimit))
    budget -= row.input.count
    plan.rows.append(row)
  }

  /// Gives each decoding sequence the page of its next position; retracts others when there is none.
  private mutating func reserveDecodePages() -> Bool {
    var hasRetracted = false
    var index = 0
    while index < running.count {
      guard running[index].decodes, running[index].planned == running[index].pages.count * options.pageSize else {
        index += 1
        continue
      }
      if let page = cache.allocate() {
        running[index].pages.append(page)
        index += 1
        continue
      }
      let victim = leastProgressed()
      retract(victim)
      hasRetracted = true
      if victim < index { index -= 1 }
    }
    return hasRetracted
  }

  private func leastProgressed() -> Int {
    var victim = 0
    for index in running.indices.dropFirst() {
      let left = running[index].state
      let right = running[victim].state
      let leftKey = (left.request.priority, left.generatedCount + left.samplesInFlight)
      let rightKey = (right.request.priority, right.generatedCount + right.samplesInFlight)
      if leftKey < rightKey || (leftKey == rightKey && left.arrival > right.arrival) { victim = index }
    }
    return victim
  }

  private mutating func retract(_ index: Int) {
    estimate.retracted(among: running)
    var state = leave(index)
    state.retractions += 1
    counters.retractions += 1
    waiting.add(state, isResumed: true, admissions: admissions)
  }

  private mutating func admitWaiting(to plan: inout StepPlan, budget: inout Int, prefills: Int) {
    guard !waiting.isEmpty, running.count < options.runningLimit, budget > 0 else { return }
    refreshCursors()
    var prefills = prefills
    var examined = 0
    var reserve = running.reduce(0) {
      $0 + estimate.pages(for: $1.state, held: $1.pages.count, pageSize: options.pageSize)
    }
    while running.count < options.runningLimit, budget > 0, prefills < prefillLimit, examined < Self.examinedPerPlan {
      examined += 1
      let edges = pendingEdges
      let next = waiting.next(admissions: admissions) { candidate in
        candidate.awaitedEdge.map { edges[$0] == nil } ?? true
      }
      guard let next else { return }
      let cursor = updateCursor(next)
      if waiting.window[next].awaitedEdge != nil { continue }
      guard let index = start(next, cursor: cursor, reserve: &reserve, plan: &plan) else { return }
      appendPrefill(index, to: &plan, budget: &budget)
      prefills += 1
    }
  }

  /// Follows the tree's growth for some of the window, in turn.
  private mutating func refreshCursors() {
    guard options.policy == .longestPrefixMatch || options.policy == .depthFirstWeight else { return }
    for _ in 0..<min(Self.examinedPerPlan, waiting.window.count) {
      refreshed = refreshed + 1 < waiting.window.count ? refreshed + 1 : 0
      _ = updateCursor(refreshed)
    }
  }

  private mutating func updateCursor(_ index: Int) -> PrefixCache.Cursor {
    let candidate = waiting.window[index]
    var cursor = candidate.cursor
    guard let state = waiting.states[candidate.id] else { return cursor }
    let limit = state.reusablePages(pageSize: options.pageSize)
    cache.extend(&cursor, along: state.history, in: state.request.namespace, pageLimit: limit)
    var awaited: PrefixCache.Edge?
    if let node = cursor.node, cursor.pageCount < limit {
      let edge = nextEdge(under: node, pageCount: cursor.pageCount, in: state)
      if pendingEdges[edge] != nil { awaited = edge }
    }
    waiting.setCursor(cursor, awaiting: awaited, at: index)
    return cursor
  }

  private func nextEdge(under node: PrefixCache.Node, pageCount: Int, in state: SequenceState) -> PrefixCache.Edge {
    let start = pageCount * options.pageSize
    return cache.edge(under: node, to: state.history[start..<(start + options.pageSize)])
  }

  /// Moves a candidate from the queue to a slot, with the pages of everything that it has to prefill; nil when the pool
  /// cannot hold it now.
  private mutating func start(
    _ index: Int, cursor: PrefixCache.Cursor, reserve: inout Int, plan: inout StepPlan
  ) -> Int? {
    guard var state = waiting.states[waiting.window[index].id] else { return nil }
    let cached = cache.pages(to: cursor)
    let needed = (state.history.count + options.pageSize - 1) / options.pageSize
    let growth = estimate.pages(for: state, held: needed, pageSize: options.pageSize)
    let available = cache.pool.availableCount - cached.count { !cache.pool.isLeased($0) }
    let margin = running.isEmpty ? 0 : reserve + growth
    guard needed - cached.count + margin <= available, let slot = freeSlots.popLast() else { return nil }
    reserve += growth
    admissions += 1
    cache.retain(cached)
    var pages = cached
    while pages.count < needed, let page = cache.allocate() { pages.append(page) }
    waiting.remove(state.id)
    if state.cachedTokens == nil {
      let reused = cached.count * options.pageSize
      state.cachedTokens = reused
      counters.cachedTokens += UInt64(reused)
      counters.promptTokens += UInt64(state.request.prompt.count)
      started.append(state.id)
    }
    plan.admissions.append(SlotAdmission(slot: slot, request: state.request, generated: state.generated))
    running.append(
      RunningSequence(
        state: state, slot: slot, root: cache.open(state.request.namespace), pages: pages, cachedPages: cached.count,
        planned: cached.count * options.pageSize, prefillEnd: state.history.count, nextScored: state.nextScored,
        nextPooled: state.nextPooled))
    positions[Int(slot.rawValue)] = running.count - 1
    announceEdge(running.count - 1)
    return running.count - 1
  }

  /// Tells the waiting which page this sequence computes next.
  private mutating func announceEdge(_ index: Int) {
    let sequence = running[index]
    if let edge = sequence.pendingEdge, pendingEdges[edge] == sequence.state.id { pendingEdges[edge] = nil }
    running[index].pendingEdge = nil
    guard options.enablePrefixCache, sequence.isCacheable else { return }
    guard (sequence.cachedPages + 1) * options.pageSize <= sequence.prefillEnd else { return }
    let edge = nextEdge(under: sequence.cachedEnd, pageCount: sequence.cachedPages, in: sequence.state)
    guard pendingEdges[edge] == nil else { return }
    pendingEdges[edge] = sequence.state.id
    running[index].pendingEdge = edge
  }

  // MARK: Results

  /// Takes account of how long a step took.
  mutating func note(_ plan: StepPlan, seconds: Double) {
    guard speculation != nil, plan.rows.allSatisfy(\.isDecode) else { return }
    speculation?.note(rows: plan.rows.reduce(0) { $0 + $1.input.count }, seconds: seconds)
  }

  /// Takes in a step's results. Rows of generations that have ended meanwhile are ignored; a generation that was
  /// retracted meanwhile keeps its token.
  package mutating func commit(_ result: StepResult, for plan: StepPlan) -> [(RequestID, GenerationEvent)] {
    precondition(result.rows.count == plan.rows.count, "a step answers every row")
    var reports: [(RequestID, GenerationEvent)] = []
    reports.reserveCapacity(plan.rows.count)
    let decoding = plan.rows.count(where: \.isDecode)
    for (row, output) in zip(plan.rows, result.rows) {
      for event in commit(output, for: row, decoding: decoding) {
        if case .token = event { counters.generatedTokens += 1 }
        reports.append((row.request, event))
      }
    }
    return reports
  }

  private mutating func commit(_ output: StepResult.Row, for row: StepRow, decoding: Int) -> [GenerationEvent] {
    counters.acceptedTokens += UInt64(row.draftCount == 0 ? 0 : max(0, output.sampled.count - 1))
    guard let index = positions[Int(row.slot.rawValue)], running[index].state.id == row.request else {
      let events = waiting.update(row.request) { $0.accept(output, from: row) } ?? []
      if case .finished = events.last {
        waiting.remove(row.request)
        counters.finishedRequests += 1
      }
      return events
    }
    var events = running[index].state.accept(output, from: row)
    var computed = row.start + row.input.count
    if row.draftCount > 0 {
      // What stands behind the first wrong guess is computed again.
      computed = row.start + max(1, output.sampled.count)
      running[index].planned = computed
    }
    let accepted = max(0, output.sampled.count - 1)
    if row.samples,
      speculation?.settle(row.request, drafted: row.draftCount, accepted: accepted, rows: decoding) == true
    {
      running[index].state.notePrediction(accepted: accepted, rejected: row.draftCount - accepted)
    }
    speculation?.expect(output.forced, of: row.request, rows: decoding)
    cachePages(index, computed: computed)
    // This step's pages are part of the cost.
    if case .prefilled(let logprobs, _) = events.first {
      events[0] = .prefilled(promptLogprobs: logprobs, usage: running[index].state.usage)
    }
    if case .finished(let reason, _) = events.last {
      events[events.count - 1] = .finished(reason, running[index].state.usage)
      _ = leave(index)
      counters.finishedRequests += 1
    }
    return events
  }

  /// Moves the full pages among the first `computed` positions into the tree. A page that somebody else computed first
  /// is swapped for theirs.
  private mutating func cachePages(_ index: Int, computed: Int) {
    let full = computed / options.pageSize
    guard running[index].cachedPages < full, running[index].isCacheable else { return }
    while running[index].cachedPages < full {
      let position = running[index].cachedPages
      let page = running[index].pages[position]
      let start = position * options.pageSize
      let slice = running[index].state.history[start..<(start + options.pageSize)]
      switch cache.insert(page, holding: slice, under: running[index].cachedEnd) {
      case .inserted: running[index].state.noteWritten(start..<(start + options.pageSize))
      case .existing(let other):
        cache.retain([other])
        cache.release([page])
        running[index].pages[position] = other
      case .refused:
        running[index].isCacheable = false
        announceEdge(index)
        return
      }
      running[index].cachedPages += 1
    }
    announceEdge(index)
  }

  /// What is wrong with pages, tree or slots; empty when all are sound. O(pages).
  package func checkInvariants() -> [String] {
    var leases: [PageIndex: Int] = [:]
    for sequence in running { for page in sequence.pages { leases[page, default: 0] += 1 } }
    var problems = cache.checkInvariants(leases: leases)
    if freeSlots.count + running.count != options.runningLimit { problems.append("a slot is lost or shared") }
    for (index, sequence) in running.enumerated() where positions[Int(sequence.slot.rawValue)] != index {
      problems.append("slot \(sequence.slot.rawValue) points elsewhere")
    }
    for (edge, owner) in pendingEdges where !running.contains(where: { $0.state.id == owner && $0.pendingEdge == edge })
    {
      problems.append("request \(owner.rawValue) announces a page it does not compute")
    }
    return problems
  }
}
