import MartletCore
import Testing

@testable import MartletEngine

/// The scheduler's decisions, one at a time.
@Suite struct SchedulerTests {
  private static func scheduler(
    policy: SchedulePolicy = .firstComeFirstServed, pages: Int = 100, running: Int = 1, batch: Int = 64
  ) -> Scheduler {
    var options = EngineOptions(pageCount: pages, contextLength: 400, vocabularySize: 1000)
    options.maxRunningRequests = running
    options.maxBatchedTokens = batch
    options.policy = policy
    return Scheduler(options: options)
  }

  private static func request(
    _ prompt: [Int32], _ count: Int = 1, priority: Int = 0, namespace: CacheNamespace = .shared
  ) throws -> GenerationRequest {
    GenerationRequest(
      prompt: prompt.map { TokenID($0) }, sampling: try SamplingParameters(SamplingParameters.Fields()),
      stop: try StopCriteria(maxTokens: count), namespace: namespace, priority: priority)
  }

  private static func row(_ token: Int32? = nil) -> StepResult.Row {
    var row = StepResult.Row()
    row.sampled = token.map { [TokenID($0)] } ?? []
    return row
  }

  /// Runs until nothing is left; the order in which requests came to run.
  private static func order(_ scheduler: inout Scheduler) -> [UInt64] {
    var order: [UInt64] = []
    for _ in 0..<10_000 where !scheduler.isIdle {
      let plan = scheduler.plan()
      order += scheduler.takeStarted().map(\.rawValue)
      let rows = plan.rows.map { row in
        Self.row(row.samples ? 7 : nil)
      }
      _ = scheduler.commit(StepResult(rows: rows), for: plan)
    }
    return order
  }

  @Test func firstComeFirstServedKeepsTheOrder() throws {
    var scheduler = Self.scheduler()
    for id in 1...5 { scheduler.admit(RequestID(UInt64(id)), try Self.request([Int32(id)], 6 - id)) }
    #expect(Self.order(&scheduler) == [1, 2, 3, 4, 5])
  }

  @Test func higherPrioritiesGoFirst() throws {
    var scheduler = Self.scheduler()
    for (id, priority) in [(1, 0), (2, 5), (3, 0), (4, 9)] {
      scheduler.admit(RequestID(UInt64(id)), try Self.request([Int32(id)], priority: priority))
    }
    #expect(Self.order(&scheduler) == [4, 2, 1, 3])
  }

  @Test func longestOutputFirst() throws {
    var scheduler = Self.scheduler(policy: .longestOutputFirst)
    for (id, count) in [(1, 3), (2, 9), (3, 5)] {
      scheduler.admit(RequestID(UInt64(id)), try Self.request([Int32(id)], count))
    }
    #expect(Self.order(&scheduler) == [2, 3, 1])
  }

  @Test func longestPrefixMatchPrefersWhatIsCached() throws {
    var scheduler = Self.scheduler(policy: .longestPrefixMatch)
    let known = (0..<64).map { Int32($0) }
    scheduler.admit(RequestID(1), try Self.request(known))
    _ = Self.order(&scheduler)
    scheduler.admit(RequestID(2), try Self.request([900, 901]))
    scheduler.admit(RequestID(3), try Self.request(Array(known.prefix(33))))
    scheduler.admit(RequestID(4), try Self.request(known))
    scheduler.admit(RequestID(5), try Self.request(known, namespace: CacheNamespace("elsewhere")))
    #expect(Self.order(&scheduler) == [4, 3, 2, 5])
  }

  @Test func aStreamOfCachedPromptsCannotStarveTheOthers() throws {
    var scheduler = Self.scheduler(policy: .longestPrefixMatch)
    let known = (0..<64).map { Int32($0) }
    scheduler.admit(RequestID(1), try Self.request(known))
    _ = Self.order(&scheduler)
    scheduler.admit(RequestID(2), try Self.request([900, 901]))
    for id in 3...40 { scheduler.admit(RequestID(UInt64(id)), try Self.request(known)) }
    let place = try #require(Self.order(&scheduler).firstIndex(of: 2))
    #expect(place > 0)
    #expect(place <= 6)
  }

  @Test func decodesGoBeforePromptsAndPromptsFillTheBudget() throws {
    var scheduler = Self.scheduler(running: 8, batch: 32)
    scheduler.admit(RequestID(1), try Self.request([1, 2, 3], 10))
    let first = scheduler.plan()
    #expect(first.rows.map(\.input.count) == [3])
    _ = scheduler.commit(StepResult(rows: [Self.row(4)]), for: first)
    scheduler.admit(RequestID(2), try Self.request((0..<50).map { Int32($0 + 10) }, 5))
    let second = scheduler.plan()
    #expect(second.rows.map(\.request.rawValue) == [1, 2])
    #expect(second.rows.map(\.input.count) == [1, 31])
    #expect(second.rows.map(\.samples) == [true, false])
    _ = scheduler.commit(StepResult(rows: [Self.row(4), Self.row()]), for: second)
    let third = scheduler.plan()
    #expect(third.rows.map(\.input.count) == [1, 19])
    #expect(third.rows.map(\.samples) == [true, true])
    #expect(third.rows[1].start == 31)
  }

  @Test func promptsTakeFewerTokensOfAStepThatDecodes() throws {
    var options = EngineOptions(pageCount: 100, contextLength: 400, vocabularySize: 1000)
    options.maxBatchedTokens = 64
    options.maxMixedPrefillTokens = 16
    var scheduler = Scheduler(options: options)
    scheduler.admit(RequestID(1), try Self.request((0..<64).map { $0 }, 20))
    var plan = scheduler.plan()
    #expect(plan.rows.map(\.input.count) == [64])
    _ = scheduler.commit(StepResult(rows: [Self.row(7)]), for: plan)
    scheduler.admit(RequestID(2), try Self.request((100..<130).map { $0 }, 20))
    plan = scheduler.plan()
    #expect(plan.rows.map(\.input.count) == [1, 16])
    _ = scheduler.commit(StepResult(rows: [Self.row(7), Self.row()]), for: plan)
    #expect(scheduler.plan().rows.map(\.input.count) == [1, 14])
  }

  @Test func aStepWorksOnNoMorePromptsThanAllowed() throws {
    var options = EngineOptions(pageCount: 100, contextLength: 400, vocabularySize: 1000)
    options.maxBatchedTokens = 64
    options.maxPrefillRows = 2
    var scheduler = Scheduler(options: options)
    for id in 1...5 { scheduler.admit(RequestID(UInt64(id)), try Self.request([Int32(id), 9], 2)) }
    var prompts: [Int] = []
    while !scheduler.isIdle {
      let plan = scheduler.plan()
      prompts.append(plan.rows.count { $0.start == 0 })
      _ = scheduler.commit(StepResult(rows: plan.rows.map { Self.row($0.samples ? 7 : nil) }), for: plan)
    }
    #expect(prompts.max() == 2 && prompts.reduce(0, +) == 5)
  }

  @Test func requestsWithTheSameBeginningComputeItOnce() throws {
    var scheduler = Self.scheduler(policy: .longestPrefixMatch, running: 8, batch: 256)
    let prompt = (0..<100).map { Int32($0) }
    for id in 1...6 { scheduler.admit(RequestID(UInt64(id)), try Self.request(prompt + [Int32(500 + id)], 3)) }
    _ = Self.order(&scheduler)
    #expect(scheduler.load.promptTokens == 606)
    #expect(scheduler.load.cachedTokens == 5 * 96)
  }

  @Test func aPromptsEndTellsWhatTheCacheGaveAndGot() throws {
    var scheduler = Self.scheduler(running: 1, batch: 64)
    let prompt = (0..<100).map { Int32($0) }
    var costs: [[Int]] = []
    for (id, tail) in [(1, [Int32](500..<520)), (2, [Int32](600..<620))] {
      scheduler.admit(RequestID(UInt64(id)), try Self.request(prompt + tail))
      while !scheduler.isIdle {
        let plan = scheduler.plan()
        for (_, event) in scheduler.commit(
          StepResult(rows: plan.rows.map { Self.row($0.samples ? 7 : nil) }), for: plan)
        {
          switch event {
          case .prefilled(_, let usage), .finished(_, let usage):
            costs.append([usage.cachedTokens, usage.writtenTokens])
          case .token, .embedded: continue
          }
        }
      }
    }
    #expect(costs == [[0, 112], [0, 112], [96, 16], [96, 16]])
  }

  @Test func aCancelledRequestGivesItsPagesBackAtOnce() throws {
    var scheduler = Self.scheduler(pages: 20)
    scheduler.admit(RequestID(1), try Self.request((0..<40).map { Int32($0) }, 100))
    let plan = scheduler.plan()
    #expect(scheduler.load.leasedPages == 3)
    let usage = scheduler.cancel(RequestID(1))
    #expect(usage != nil)
    #expect(scheduler.load.leasedPages == 0)
    let again = scheduler.cancel(RequestID(1))
    #expect(again == nil)
    let reports = scheduler.commit(StepResult(rows: [Self.row(4)]), for: plan)
    #expect(reports.isEmpty)
    #expect(scheduler.isIdle)
  }

  @Test func aRowWithoutATokenEndsItsRequest() throws {
    var scheduler = Self.scheduler()
    scheduler.admit(RequestID(1), try Self.request([1, 2], 10))
    let plan = scheduler.plan()
    let reports = scheduler.commit(StepResult(rows: [Self.row(-1)]), for: plan)
    guard case .finished(.aborted(.invalidLogits), _)? = reports.last?.1 else {
      Issue.record("the request went on")
      return
    }
    #expect(scheduler.isIdle)
  }

  @Test func stopTokensEndAGenerationButNotBeforeItsMinimum() throws {
    var scheduler = Self.scheduler()
    let base = try Self.request([1, 2])
    scheduler.admit(
      RequestID(1),
      GenerationRequest(
        prompt: base.prompt, sampling: base.sampling,
        stop: try StopCriteria(maxTokens: 10, minTokens: 2, stopTokens: [TokenID(9)])))
    var ends: [FinishReason] = []
    var tokens = 0
    for _ in 0..<5 where !scheduler.isIdle {
      let plan = scheduler.plan()
      for (_, event) in scheduler.commit(StepResult(rows: [Self.row(9)]), for: plan) {
        if case .finished(let reason, _) = event { ends.append(reason) }
        if case .token = event { tokens += 1 }
      }
    }
    #expect(ends == [.stopToken(TokenID(9))])
    #expect(tokens == 3)
  }

  private struct Anything: TokenConstraint, TokenConstraintState {
    func state(after generated: [TokenID]) -> any TokenConstraintState { self }
    mutating func mask() -> [UInt32]? { nil }
    mutating func forced(limit: Int) -> [TokenID] { [] }
    mutating func advance(_ token: TokenID) {}
  }

  /// A generation whose constraint tells what must follow, and a model that cuts text in other ways from `turn` on.
  @Test func whatMustFollowIsCheckedInOneStep() throws {
    var options = EngineOptions(pageCount: 100, contextLength: 400, vocabularySize: 1000)
    options.speculation = SpeculationOptions()
    var scheduler = Scheduler(options: options)
    let plain = try Self.request([1, 2], 300)
    scheduler.admit(
      RequestID(1),
      GenerationRequest(
        prompt: plain.prompt, sampling: plain.sampling, stop: plain.stop, constraint: Anything()))
    var guesses: [Int] = [], looks: [Bool] = []
    for step in 0..<60 {
      let plan = scheduler.plan(), row = try #require(plan.rows.first), isObedient = step < 3
      looks.append(row.looksAhead)
      guesses.append(row.draftCount)
      var result = Self.row(Int32(100 + step))
      if isObedient, case .tokens(let tokens) = row.input {
        result.sampled = tokens.suffix(row.draftCount) + result.sampled
      }
      result.forced = [7, 8, 9].map { TokenID($0) }
      _ = scheduler.commit(StepResult(rows: [result]), for: plan)
    }
    #expect(guesses[...3] == [0, 3, 3, 3])
    // A model that does not follow is left alone after a while.
    #expect(guesses.suffix(30).allSatisfy { $0 == 0 })
    #expect(looks[...3].allSatisfy(\.self) && !looks.suffix(30).contains(true))
    #expect(guesses.contains(0) && guesses.count { $0 == 3 } < 12)
  }

  /// A token more costs a step of many sequences about what it saves.
  @Test(arguments: [(3, true), (8, false)]) func whatMustFollowIsLookedForAmongFewOnly(count: Int, looks: Bool) throws {
    var options = EngineOptions(pageCount: 200, contextLength: 400, vocabularySize: 1000)
    options.speculation = SpeculationOptions()
    var scheduler = Scheduler(options: options)
    let plain = try Self.request([1, 2], 300)
    for id in 1...count {
      scheduler.admit(
        RequestID(UInt64(id)),
        GenerationRequest(
          prompt: plain.prompt, sampling: plain.sampling, stop: plain.stop, constraint: Anything()))
    }
    for _ in 0..<4 {
      let plan = scheduler.plan()
      #expect(plan.rows.count == count && plan.rows.allSatisfy { $0.looksAhead == looks })
      let rows = plan.rows.map { row in
        var result = Self.row(7)
        if row.looksAhead { result.forced = [TokenID(8)] }
        if row.draftCount > 0 { result.sampled = [TokenID(8), TokenID(9)] }
        return result
      }
      _ = scheduler.commit(StepResult(rows: rows), for: plan)
    }
    #expect(scheduler.load.draftedTokens == (looks ? 3 * UInt64(count) : 0))
  }

  @Test func whatIsForcedIsWrittenWithoutADraw() throws {
    var options = EngineOptions(pageCount: 100, contextLength: 400, vocabularySize: 1000)
    options.speculation = SpeculationOptions()
    options.speculation?.writesForced = true
    var scheduler = Scheduler(options: options)
    let plain = try Self.request([1, 2], 30)
    scheduler.admit(
      RequestID(1),
      GenerationRequest(
        prompt: plain.prompt, sampling: plain.sampling, stop: plain.stop, constraint: Anything()))
    var tokens: [Int32] = [], inputs: [Int] = []
    for step in 0..<40 where !scheduler.isIdle {
      let plan = scheduler.plan(), row = try #require(plan.rows.first)
      #expect(row.draftCount == 0 && row.start + row.input.count == 2 + tokens.count + row.forcedCount)
      inputs.append(row.input.count)
      var result = Self.row(Int32(100 + step))
      result.forced = (step % 2 == 0 ? [7, 8, 9] : []).map { TokenID($0) }
      for (_, event) in scheduler.commit(StepResult(rows: [result]), for: plan) {
        if case .token(let token, _) = event { tokens.append(token.rawValue) }
      }
      #expect(scheduler.checkInvariants().isEmpty)
    }
    #expect(Array(tokens.prefix(7)) == [100, 7, 8, 9, 101, 102, 7])
    #expect(Array(inputs.prefix(4)) == [2, 4, 1, 4])
    #expect(tokens.count == 30 && scheduler.isIdle)
  }
}
