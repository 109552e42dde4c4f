import ArgumentParser
import Foundation
import Martlet
import MartletBench
import MartletEngine

/// `martlet bench offline`: whole generations through the engine, without a server.
struct BenchOfflineCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "offline",
    abstract: "Time batches of generations through the engine, without server or tokenizer.",
    discussion: """
      Prompts are random token ids, answers are greedy and ignore end tokens. A time is from the first request sent to \
      the last answer; the median of --repeats. Decode times are differences: (time for --output-len tokens - time for \
      one) / (--output-len - 1).
      """)

  @OptionGroup var modelFlags: ModelFlags

  @Option(
    parsing: .upToNextOption,
    help: "What to time: decode (for each --batch-size), prefill, first-token, prefix and throughput.")
  var workload = OfflineWorkload.allCases

  @Option(parsing: .upToNextOption, help: "Requests at once, for decode.")
  var batchSize = [1, 8, 32, 64, 128, 256]

  @Option(help: "Prompt tokens, for decode.")
  var inputLen = 128

  @Option(help: "Generated tokens, for decode.")
  var outputLen = 256

  @Option(help: "Measured runs, after one that is not.")
  var repeats = 3

  @Option(help: "Append a JSON line for each figure to this file.")
  var resultFilename: String?

  @OptionGroup(title: "Engine") var engineFlags: EngineFlags

  func validate() throws {
    _ = try modelFlags.path()
    for value in batchSize + [inputLen, repeats] where value < 1 {
      throw ValidationError("--batch-size, --input-len and --repeats must be at least 1, got \(value)")
    }
    guard outputLen >= 2 else { throw ValidationError("--output-len must be at least 2, got \(outputLen)") }
  }

  func run() async throws {
    let clock = ContinuousClock()
    let start = clock.now
    var options = engineFlags.options
    options.maxRunningRequests = options.maxRunningRequests ?? max(256, batchSize.max() ?? 1)
    let model = try await BareEngine(path: try modelFlags.path(), options: options)
    Terminal.note(model.device)
    for span in model.startup.spans { Terminal.note(String(format: "  %@: %.1f ms", span.phase, span.milliseconds)) }
    let timer = OfflineTimer(model, repeats: repeats)
    _ = try await timer.time(timer.randomPrompts(1, length: 8), outputLength: 1)
    try report("start to first token", (clock.now - start) / .seconds(1), unit: "s")
    // What the engine prepares in idle time, such as its graphs, is done before anything is timed.
    try await Task.sleep(for: .seconds(2))
    for workload in workload { try await run(workload, timer) }
    await model.engine.shutdown(drain: false)
  }

  private func run(_ workload: OfflineWorkload, _ timer: OfflineTimer) async throws {
    switch workload {
    case .decode:
      for batch in batchSize {
        let long = try await timer.median {
          try await timer.time(timer.randomPrompts(batch, length: inputLen), outputLength: outputLen)
        }
        let short = try await timer.median {
          try await timer.time(timer.randomPrompts(batch, length: inputLen), outputLength: 1)
        }
        let step = (long - short) / Double(outputLen - 1)
        try report("decode batch \(batch)", step * 1000, unit: "ms/step", rate: Double(batch) / step)
      }
    case .prefill:
      let time = try await timer.median { try await timer.time(timer.randomPrompts(8, length: 4096), outputLength: 1) }
      try report("prefill 8 x 4096", time, unit: "s", rate: Double(8 * 4096) / time)
    case .firstToken:
      let time = try await timer.median { try await timer.time(timer.randomPrompts(1, length: 4096), outputLength: 1) }
      try report("first token of 4096", time * 1000, unit: "ms")
    case .prefix:
      let times = try await timer.prefixTimes()
      for (name, seconds) in times { try report("prefix 64 x (2048 + 128), \(name)", seconds, unit: "s") }
    case .throughput:
      let time = try await timer.median {
        try await timer.time(timer.randomPrompts(512, length: 512), outputLength: 256)
      }
      try report("512 x (512 in, 256 out)", time, unit: "s", rate: Double(512 * 256) / time)
    }
  }

  private struct Figure: Encodable {
    let name: String
    let value: Double
    let unit: String
    let tokensPerSecond: Double?
  }

  private func report(_ name: String, _ value: Double, unit: String, rate: Double? = nil) throws {
    let speed = rate.map { String(format: "  %10.0f tok/s", $0) } ?? ""
    Terminal.out(
      name.padding(toLength: 40, withPad: " ", startingAt: 0) + String(format: "%10.3f ", value) + unit + speed)
    guard let resultFilename else { return }
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try ResultFile(path: resultFilename).append(
      try encoder.encode(Figure(name: name, value: value, unit: unit, tokensPerSecond: rate)))
  }
}
