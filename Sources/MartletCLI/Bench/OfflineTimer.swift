import Martlet
import MartletBench
import MartletCore
import MartletEngine
import MartletModel

/// Times batches of generations on an engine.
struct OfflineTimer {
  private let model: BareEngine
  private let repeats: Int

  init(_ model: BareEngine, repeats: Int) {
    self.model = model
    self.repeats = repeats
  }

  /// Prompts that no earlier call made, so that the prefix cache holds none of them.
  func randomPrompts(_ count: Int, length: Int) -> [[TokenID]] {
    let range = 3..<Int32(clamping: model.configuration.vocabularySize)
    return (0..<count).map { _ in (0..<length).map { _ in TokenID(Int32.random(in: range)) } }
  }

  /// Seconds until every prompt has its answer of `outputLength` tokens.
  func time(_ prompts: [[TokenID]], outputLength: Int) async throws -> Double {
    var fields = SamplingParameters.Fields()
    fields.temperature = 0
    let sampling = try SamplingParameters(fields), stop = try StopCriteria(maxTokens: outputLength)
    let requests = prompts.map { GenerationRequest(prompt: $0, sampling: sampling, stop: stop) }
    let engine = model.engine, clock = ContinuousClock()
    let start = clock.now
    let streams = try requests.map { try engine.generate($0) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for stream in streams { group.addTask { try await Self.expect(outputLength, from: stream) } }
      try await group.waitForAll()
    }
    return (clock.now - start) / .seconds(1)
  }

  private static func expect(_ count: Int, from stream: GenerationStream) async throws {
    var tokens = 0
    for await event in stream.events {
      if case .token = event { tokens += 1 }
    }
    guard tokens == count else {
      throw MartletError(.machine, "a generation ended after \(tokens) of \(count) tokens")
    }
  }

  /// The median of the repeated runs, after one that does not count.
  func median(_ run: () async throws -> Double) async throws -> Double {
    _ = try await run()
    var times: [Double] = []
    for _ in 0..<repeats { times.append(try await run()) }
    return Percentiles(times).median
  }

  /// 64 prompts of 2,048 common and 128 own tokens with 64 outputs: nothing cached; the common part cached; all cached;
  /// and 64 prompts of that length that share nothing.
  func prefixTimes() async throws -> [(String, Double)] {
    var times: [[Double]] = [[], [], [], []]
    for run in 0...repeats {
      let common = randomPrompts(1, length: 2048)[0]
      let first = randomPrompts(64, length: 128).map { common + $0 }
      let second = randomPrompts(64, length: 128).map { common + $0 }
      var row: [Double] = []
      row.append(try await time(first, outputLength: 64))
      row.append(try await time(second, outputLength: 64))
      row.append(try await time(second, outputLength: 64))
      row.append(try await time(randomPrompts(64, length: 2176), outputLength: 64))
      guard run > 0 else { continue }
      for (index, value) in row.enumerated() { times[index].append(value) }
    }
    return zip(["cold", "warm prefix", "same prompts", "nothing shared"], times.map { Percentiles($0).median }).map {
      ($0, $1)
    }
  }
}
