import MartletCore
import Testing

@testable import MartletEngine

/// Random loads against the scheduler itself: it has no clock and no threads, so a seed gives the same run everywhere.
@Suite struct SchedulerSimulationTests {
  struct Setting: CustomTestStringConvertible, Sendable {
    var pages: Int
    var batch: Int
    var running: Int
    /// Steps launched before the oldest is committed, less one.
    var depth: Int
    var policy = SchedulePolicy.longestPrefixMatch
    var eviction = EvictionPolicy.leastRecentlyUsed
    var cache = true
    /// Tokens that the imagined model looks at: few make it repeat itself.
    var span: Int?
    var speculates = false
    var testDescription: String {
      "\(pages) pages, \(batch) tokens, \(running) rows, depth \(depth), \(policy)\(speculates ? ", drafts" : "")"
    }
  }

  static let settings: [Setting] = [
    Setting(pages: 10, batch: 8, running: 4, depth: 0), Setting(pages: 10, batch: 8, running: 4, depth: 1),
    Setting(pages: 14, batch: 40, running: 8, depth: 1, policy: .firstComeFirstServed),
    Setting(pages: 14, batch: 5, running: 5, depth: 0, policy: .random, eviction: .leastFrequentlyUsed),
    Setting(pages: 30, batch: 64, running: 16, depth: 1, policy: .depthFirstWeight, eviction: .firstInFirstOut),
    Setting(pages: 30, batch: 16, running: 3, depth: 1, policy: .longestOutputFirst),
    Setting(pages: 200, batch: 128, running: 32, depth: 0), Setting(pages: 200, batch: 128, running: 32, depth: 1),
    Setting(pages: 24, batch: 24, running: 8, depth: 1, cache: false),
    Setting(pages: 10, batch: 8, running: 4, depth: 0, span: 2, speculates: true),
    Setting(pages: 30, batch: 64, running: 4, depth: 0, span: 3, speculates: true),
    Setting(pages: 200, batch: 128, running: 32, depth: 0, span: 2, speculates: true),
    Setting(pages: 30, batch: 32, running: 6, depth: 0, cache: false, speculates: true),
  ]

  private struct Generation {
    let prompt: [Int32]
    let limit: Int
    let isScored: Bool
    var pooling: Pooling?
    var embedded: [Float]?
    var tokens: [Int32] = []
    var prefills = 0
    var ends: [FinishReason] = []
    var isCancelled = false
  }

  private struct Simulation {
    let setting: Setting
    var scheduler: Scheduler
    var executor: HashExecutor
    var random: UInt64
    var generations: [RequestID: Generation] = [:]
    var pending: [(plan: StepPlan, result: StepResult)] = []
    let beginnings: [[Int32]]

    init(_ setting: Setting, seed: UInt64) {
      self.setting = setting
      var options = EngineOptions(pageCount: setting.pages, contextLength: 140, vocabularySize: 1000)
      options.maxBatchedTokens = setting.batch
      options.maxRunningRequests = setting.running
      options.policy = setting.policy
      options.eviction = setting.eviction
      options.enablePrefixCache = setting.cache
      if setting.speculates { options.speculation = SpeculationOptions() }
      scheduler = Scheduler(options: options)
      executor = HashExecutor(pageCount: setting.pages, pageSize: 16, span: setting.span)
      random = seed
      beginnings = (0..<3).map { row in (0..<64).map { Int32(($0 * 7 + row * 13) % 50) } }
    }

    mutating func draw(_ bound: Int) -> Int {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(random >> 33) % bound
    }

    mutating func admit() throws {
      let id = RequestID(UInt64(generations.count + 1))
      let start = Array(beginnings[draw(3)].prefix(draw(65)))
      let prompt = start + (0...draw(20)).map { Int32($0) }
      let limit = draw(10) == 0 ? 0 : 1 + draw(min(40, 139 - prompt.count))
      let isScored = draw(4) == 0
      let namespace = draw(5) == 0 ? CacheNamespace("other") : CacheNamespace.shared
      generations[id] = Generation(prompt: prompt, limit: limit, isScored: isScored)
      var request = GenerationRequest(
        prompt: prompt.map { TokenID($0) }, sampling: try SamplingParameters(SamplingParameters.Fields()),
        stop: try StopCriteria(maxTokens: limit),
        logprobs: LogprobOptions(output: false, topCount: 0, promptStart: isScored ? draw(prompt.count) : nil),
        namespace: namespace, priority: draw(3))
      if draw(6) == 0 {
        let pooling = Pooling.allCases[draw(2)]
        request = try GenerationRequest(
          embedding: request.prompt, pooling: pooling, namespace: namespace, priority: draw(3))
        generations[id] = Generation(prompt: prompt, limit: 0, isScored: false, pooling: pooling)
      } else if setting.speculates, draw(2) == 0 {
        request.prediction = (0..<40).map { _ in TokenID(Int32(draw(6))) }
      }
      scheduler.admit(id, request)
    }

    mutating func cancel() {
      let live = generations.keys.filter { generations[$0]?.ends.isEmpty == true }.sorted { $0.rawValue < $1.rawValue }
      guard !live.isEmpty else { return }
      let id = live[draw(live.count)]
      guard scheduler.cancel(id) != nil else { return }
      generations[id]?.isCancelled = true
      generations[id]?.ends.append(.aborted(.cancelled))
    }

    /// Plans and runs one step, and commits the oldest one when enough are in flight; false when nothing was left.
    mutating func step() throws -> Bool {
      let plan = scheduler.plan()
      #expect(plan.rows.reduce(0) { $0 + $1.input.count } <= max(setting.batch, setting.running))
      #expect(Set(plan.rows.map(\.slot)).count == plan.rows.count)
      for row in plan.rows {
        #expect(row.input.count > 0)
        #expect((row.start + row.input.count + 15) / 16 == row.pages.count || row.draftCount == 0)
        #expect((row.start + row.input.count + 15) / 16 <= row.pages.count)
        #expect(row.draftCount == 0 || row.draftCount < row.input.count)
        #expect(Set(row.pages).count == row.pages.count)
      }
      if !plan.rows.isEmpty {
        let ticket = try executor.launch(plan)
        pending.append((plan, try executor.collect(ticket)))
      }
      if pending.count > setting.depth || plan.rows.isEmpty, !pending.isEmpty { commit() }
      #expect(scheduler.checkInvariants() == [])
      return !scheduler.isIdle || !pending.isEmpty
    }

    mutating func commit() {
      let (plan, result) = pending.removeFirst()
      for (id, event) in scheduler.commit(result, for: plan) {
        switch event {
        case .prefilled: generations[id]?.prefills += 1
        case .embedded(let values): generations[id]?.embedded = values
        case .token(let token, _): generations[id]?.tokens.append(token.rawValue)
        case .finished(let reason, let usage):
          generations[id]?.ends.append(reason)
          #expect(usage.completionTokens == generations[id]?.tokens.count)
        }
      }
    }
  }

  /// What an embedding must be, whichever chunks and cached pages it was made of.
  private static func pooled(_ generation: Generation, span: Int?) -> [Float]? {
    guard let pooling = generation.pooling else { return nil }
    let states = generation.prompt.indices.map {
      HashExecutor.hidden(after: Array(generation.prompt[...$0]), span: span)
    }
    switch pooling {
    case .last: return states.last
    case .mean:
      return [0, 1].map { column in
        Float(states.reduce(0) { $0 + Double($1[column]) } / Double(states.count))
      }
    }
  }

  @Test(arguments: settings, [UInt64(1), 2, 3])
  func everyGenerationEndsOnceWithItsOwnTokens(setting: Setting, seed: UInt64) throws {
    var simulation = Simulation(setting, seed: seed)
    for _ in 0..<600 {
      if simulation.draw(4) == 0 { try simulation.admit() }
      if simulation.draw(25) == 0 { simulation.cancel() }
      _ = try simulation.step()
    }
    var steps = 0
    while try simulation.step(), steps < 100_000 { steps += 1 }
    #expect(simulation.scheduler.isIdle)
    for (id, generation) in simulation.generations {
      #expect(generation.ends.count == 1, "request \(id.rawValue)")
      #expect(generation.prefills <= 1)
      var history = generation.prompt
      for token in generation.tokens {
        #expect(HashExecutor.next(after: history, span: setting.span).rawValue == token, "request \(id.rawValue)")
        history.append(token)
      }
      guard !generation.isCancelled else { continue }
      #expect(generation.embedded == Self.pooled(generation, span: setting.span), "request \(id.rawValue)")
      #expect(generation.ends == [.length])
      #expect(generation.tokens.count == generation.limit)
      #expect(generation.prefills == 1)
    }
    let load = simulation.scheduler.load
    #expect(load.leasedPages == 0)
    #expect(load.finishedRequests == UInt64(simulation.generations.count))
    let isFlushed = simulation.scheduler.flushCache()
    #expect(isFlushed)
    #expect(simulation.scheduler.load.freePages == setting.pages)
    if setting.span != nil { #expect(load.acceptedTokens > load.draftedTokens / 4, "the guesses are wrong") }
    if setting.pages <= 10 { #expect(load.retractions > 0, "the pool is not small enough to test retractions") }
  }
}
