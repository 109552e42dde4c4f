import Foundation
import MartletCore

/// Sends a load: at a rate, or as fast as its bound on concurrency lets it.
package struct BenchLoad {
  let client: BenchClient
  /// Requests a second, arriving as a Poisson process; infinite: all at once.
  let rate: Double
  let maxConcurrency: Int
  let seed: UInt64

  /// Called after each request with its tokens.
  let progress: @Sendable (Int) -> Void

  package init(
    client: BenchClient, rate: Double, maxConcurrency: Int, seed: UInt64, progress: @escaping @Sendable (Int) -> Void
  ) {
    self.client = client
    self.rate = rate
    self.maxConcurrency = maxConcurrency
    self.seed = seed
    self.progress = progress
  }

  package func run(_ prompts: [BenchPrompt]) async -> [BenchOutcome] {
    var random = SplitMix64(seed: seed &+ 1)
    var outcomes: [(index: Int, outcome: BenchOutcome)] = []
    await withTaskGroup(of: (Int, BenchOutcome).self) { group in
      var arrival = 0.0
      for (index, prompt) in prompts.enumerated() {
        if index >= maxConcurrency, let done = await group.next() {
          outcomes.append(done)
          progress(done.1.outputTokens)
        }
        if rate.isFinite, index > 0 {
          arrival += -log(Double.random(in: Double.leastNonzeroMagnitude..<1, using: &random)) / rate
          let wait = arrival - (ContinuousClock.now - client.origin) / .seconds(1)
          if wait > 0 { try? await Task.sleep(for: .seconds(wait)) }
        }
        group.addTask { (index, await client.run(prompt)) }
      }
      for await done in group {
        outcomes.append(done)
        progress(done.1.outputTokens)
      }
    }
    return outcomes.sorted { $0.index < $1.index }.map(\.outcome)
  }
}
