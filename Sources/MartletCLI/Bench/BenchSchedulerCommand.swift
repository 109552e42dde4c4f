import ArgumentParser
import Foundation
import MartletBench
import MartletCore

/// `martlet bench scheduler`: what planning costs, without a model.
struct BenchSchedulerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scheduler", abstract: "Time the scheduler alone: its share of a step at a given load.",
    discussion: """
      Full batches decode and are refilled from a queue that is kept at its length; a device that answers at once stands
      for the model. The second table matches prompts of growing length that are wholly in the prefix cache.
      """)

  @Option(help: "Running sequences.")
  var running = 256

  @Option(parsing: .upToNextOption, help: "Waiting requests; several values make several rows.")
  var queued = [0, 100, 1_000, 10_000]

  @Option(help: "Prompt tokens of each request.")
  var inputLen = 512

  @Option(help: "Mean of the generated tokens.")
  var outputLen = 128

  @Option(help: "Measured steps of each row.")
  var steps = 1_000

  @Option(parsing: .upToNextOption, help: "Prompt lengths of the second table.")
  var prefixLen = [1_024, 4_096, 16_384, 65_536]

  func validate() throws {
    for (name, value) in [
      ("--running", running), ("--input-len", inputLen), ("--output-len", outputLen), ("--steps", steps),
    ] where !(1...100_000).contains(value) {
      throw ValidationError("\(name) must be between 1 and 100000, got \(value)")
    }
    for value in queued + prefixLen where !(0...1_000_000).contains(value) {
      throw ValidationError("--queued and --prefix-len must be between 0 and 1000000, got \(value)")
    }
  }

  func run() throws {
    Terminal.out("running  queued  step us (mean)     p50     p99     max  us a sequence")
    for waiting in queued { try measureQueue(waiting) }
    Terminal.out("")
    Terminal.out("prompt tokens  cached  step us  ns a token")
    for length in prefixLen { try measurePrefix(length) }
  }

  private func measureQueue(_ waiting: Int) throws {
    var timer = SchedulerTimer(running: running, inputLength: inputLen, outputLength: outputLen, seed: 1)
    for _ in 0..<running + waiting { try timer.admit() }
    while timer.load.runningRequests < running { for _ in 0..<timer.step() { try timer.admit() } }
    for _ in 0..<outputLen { for _ in 0..<timer.step() { try timer.admit() } }
    timer.forgetTimes()
    for _ in 0..<steps { for _ in 0..<timer.step() { try timer.admit() } }
    let times = timer.stepMicroseconds, percentiles = Percentiles(times)
    let mean = times.reduce(0, +) / Double(times.count)
    Terminal.out(
      String(
        format: "%7d  %6d  %14.1f  %6.1f  %6.1f  %6.1f  %13.3f", running, waiting, mean, percentiles[50],
        percentiles[99], percentiles[100], mean / Double(running)))
  }

  private func measurePrefix(_ length: Int) throws {
    var timer = SchedulerTimer(running: 1, inputLength: length + 16, outputLength: 1, seed: 2)
    let prefix = (0..<length).map { TokenID(Int32(truncatingIfNeeded: $0 &* 7919 % 32_000)) }
    try timer.admit(prefix: prefix)
    while timer.load.queuedRequests + timer.load.runningRequests > 0 { _ = timer.step() }
    timer.forgetTimes()
    let before = timer.load.cachedTokens
    for _ in 0..<9 {
      try timer.admit(prefix: prefix)
      while timer.load.queuedRequests + timer.load.runningRequests > 0 { _ = timer.step() }
    }
    let step = Percentiles(timer.stepMicroseconds).median
    Terminal.out(
      String(
        format: "%13d  %6d  %7.1f  %10.2f", length, Int(timer.load.cachedTokens - before) / 9, step,
        step * 1000 / Double(max(1, length))))
  }
}
