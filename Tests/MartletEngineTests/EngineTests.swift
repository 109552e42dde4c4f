import MartletCore
import MartletEngine
import Testing

private struct FailingExecutor: StepExecutor {
  mutating func launch(_ plan: StepPlan) throws(ExecutorError) -> StepTicket {
    throw .kernel(status: 7, operation: "test")
  }
  mutating func collect(_ ticket: consuming StepTicket) throws(ExecutorError) -> StepResult { StepResult(rows: []) }
}

/// Prepares three things, then fails.
private struct PreparingExecutor: StepExecutor {
  private var prepared = 0
  mutating func launch(_ plan: StepPlan) throws(ExecutorError) -> StepTicket { StepTicket(serial: 0) }
  mutating func collect(_ ticket: consuming StepTicket) throws(ExecutorError) -> StepResult { StepResult(rows: []) }
  mutating func prepareWhileIdle() throws(ExecutorError) -> Bool {
    if prepared == 3 { throw .kernel(status: 1, operation: "prepared \(prepared)") }
    prepared += 1
    return true
  }
}

@Suite(.timeLimit(.minutes(1))) struct EngineTests {
  private func options(pages: Int, batch: Int = 16, running: Int = 8, cache: Bool = true) -> EngineOptions {
    var options = EngineOptions(pageCount: pages, contextLength: 160, vocabularySize: 1000)
    options.pageSize = 16
    options.maxBatchedTokens = batch
    options.maxRunningRequests = running
    options.enablePrefixCache = cache
    return options
  }

  private func start(_ options: EngineOptions) async throws -> Engine {
    let pages = options.pageCount, size = options.pageSize
    let engine = Engine(options: options) { HashExecutor(pageCount: pages, pageSize: size) }
    try await engine.ready()
    return engine
  }

  private func request(_ prompt: [Int32], _ count: Int) throws -> GenerationRequest {
    GenerationRequest(
      prompt: prompt.map { TokenID($0) }, sampling: try SamplingParameters(SamplingParameters.Fields()),
      stop: try StopCriteria(maxTokens: count))
  }

  private func expected(_ prompt: [Int32], _ count: Int) -> [Int32] {
    var history = prompt
    for _ in 0..<count { history.append(HashExecutor.next(after: history).rawValue) }
    return Array(history[prompt.count...])
  }

  private func collect(_ stream: GenerationStream) async -> (tokens: [Int32], ends: [FinishReason]) {
    var tokens: [Int32] = [], ends: [FinishReason] = []
    for await event in stream.events {
      switch event {
      case .prefilled, .embedded: continue
      case .token(let token, _): tokens.append(token.rawValue)
      case .finished(let reason, _): ends.append(reason)
      }
    }
    return (tokens, ends)
  }

  /// Random prompts with shared beginnings, in pools from roomy to so small that requests are retracted.
  @Test(arguments: [11, 14, 40, 200], [(true, false), (true, true), (false, true)])
  func outputsDependOnThePromptAlone(pages: Int, mode: (cache: Bool, overlap: Bool)) async throws {
    var options = options(pages: pages, cache: mode.cache)
    options.overlap = mode.overlap
    let engine = try await start(options)
    var state: UInt64 = UInt64(pages)
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    let beginnings = (0..<4).map { _ in (0..<60).map { _ in Int32(random(1000)) } }
    var cases: [(prompt: [Int32], count: Int)] = []
    for _ in 0..<120 {
      let prompt =
        Array(beginnings[random(4)].prefix(1 + random(60))) + (0..<random(30)).map { _ in Int32(random(1000)) }
      cases.append((prompt, 1 + random(50)))
    }
    let results = try await withThrowingTaskGroup(of: (Int, [Int32], [FinishReason]).self) { group in
      for (index, item) in cases.enumerated() {
        let stream = try engine.generate(try request(item.prompt, item.count))
        group.addTask {
          let result = await collect(stream)
          return (index, result.tokens, result.ends)
        }
      }
      var results: [(Int, [Int32], [FinishReason])] = []
      for try await result in group { results.append(result) }
      return results
    }
    #expect(results.count == cases.count)
    for (index, tokens, ends) in results {
      #expect(tokens == expected(cases[index].prompt, cases[index].count), "case \(index)")
      #expect(ends == [.length])
    }
    let load = engine.load()
    #expect(load.leasedPages == 0)
    #expect(load.freePages + load.cachedPages == load.totalPages)
    #expect(await engine.flushCache())
    #expect(engine.load().freePages == pages)
    await engine.shutdown(drain: false)
  }

  @Test func aSecondRequestTakesItsPrefixFromTheCacheOfItsOwnNamespaceOnly() async throws {
    let engine = try await start(options(pages: 40))
    let prompt = (0..<80).map { Int32($0) }
    func cached(_ namespace: CacheNamespace) async throws -> Int {
      let base = try request(prompt, 2)
      let stream = try engine.generate(
        GenerationRequest(prompt: base.prompt, sampling: base.sampling, stop: base.stop, namespace: namespace))
      for await case .finished(_, let usage) in stream.events { return usage.cachedTokens }
      return -1
    }
    #expect(try await cached(.shared) == 0)
    #expect(try await cached(.shared) == 64)
    #expect(try await cached(CacheNamespace("other")) == 0)
    await engine.shutdown(drain: false)
  }

  @Test func cancelledRequestsGiveTheirPagesBack() async throws {
    let engine = try await start(options(pages: 60))
    var streams: [GenerationStream] = []
    for index in 0..<20 { streams.append(try engine.generate(try request([Int32(index), 5, 6], 150))) }
    for stream in streams { engine.cancel(stream.id) }
    for stream in streams {
      let ends = await collect(stream).ends
      #expect(ends.count == 1)
    }
    #expect(await engine.flushCache())
    #expect(engine.load().freePages == 60)
    await engine.shutdown(drain: false)
  }

  @Test func everyRequestEndsEvenWhenTheDeviceFails() async throws {
    let engine = Engine(options: options(pages: 20)) { FailingExecutor() }
    let result = await collect(try engine.generate(try request([1], 9)))
    #expect(result.ends == [.aborted(.deviceFailed(status: 7))])
    #expect(await engine.waitForEnd() == .kernel(status: 7, operation: "test"))
  }

  @Test func idleTimeIsUsedUntilNothingIsLeftToPrepare() async throws {
    let engine = Engine(options: options(pages: 20)) { PreparingExecutor() }
    #expect(await engine.waitForEnd() == .kernel(status: 1, operation: "prepared 3"))
  }

  @Test func refusesWhatCanNeverRun() async throws {
    let engine = try await start(options(pages: 20))
    #expect(throws: AdmissionError.emptyPrompt) { try engine.generate(try request([], 1)) }
    #expect(throws: AdmissionError.unknownToken(1000, vocabularySize: 1000)) {
      try engine.generate(try request([1000], 1))
    }
    #expect(throws: AdmissionError.promptTooLong(tokens: 161, limit: 160)) {
      try engine.generate(try request([1], 160))
    }
    let plain = try request([1], 1)
    let foreign = LogprobOptions(output: true, topCount: 0, promptStart: nil, tokens: [TokenID(1000)])
    #expect(throws: AdmissionError.unknownToken(1000, vocabularySize: 1000)) {
      try engine.generate(
        GenerationRequest(prompt: plain.prompt, sampling: plain.sampling, stop: plain.stop, logprobs: foreign))
    }
    await engine.shutdown(drain: false)
    #expect(throws: AdmissionError.shuttingDown) { try engine.generate(try request([1], 1)) }
  }
}
