import ArgumentParser
import Foundation
import Martlet
import MartletBench
import MartletText

/// `martlet bench throughput`: a load on an engine in this process.
struct BenchThroughputCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "throughput", abstract: "Run a load through the engine at once, without a server.",
    discussion: """
      Flags and result fields are those of SGLang's bench_offline_throughput.

        martlet bench throughput model.gguf --dataset-name random-ids --num-prompts 64 --random-input-len 256 \\
          --random-output-len 64
      """)

  @OptionGroup var modelFlags: ModelFlags
  @OptionGroup(title: "Load") var dataset: BenchDatasetFlags

  @Flag(help: "Let answers end before their length.")
  var disableIgnoreEos = false

  @Flag(help: "Do not run a few requests before the measured ones.")
  var skipWarmup = false

  @Option(help: "Append the result as a JSON line to this file.")
  var resultFilename: String?

  @OptionGroup(title: "Engine") var engineFlags: EngineFlags

  func validate() throws { _ = try modelFlags.path() }

  func run() async throws {
    let path = try modelFlags.path()
    let engine = try await Engine(modelPath: path, options: engineFlags.options)
    var source = try dataset.dataset(tokenizer: engine.tokenizer)
    let prompts = try source.prompts()
    if !skipWarmup {
      let warmup = prompts.prefix(4).map {
        BenchPrompt(content: $0.content, inputLength: $0.inputLength, outputLength: 4)
      }
      _ = try await measure(warmup, on: engine, bar: nil)
    }
    let bar = ProgressBar(total: prompts.count, unit: "requests")
    let started = ContinuousClock.now
    let results = try await measure(prompts, on: engine, bar: bar)
    let seconds = (ContinuousClock.now - started) / .seconds(1)
    bar.finish()
    await engine.shutdown()
    try report(results, seconds: seconds, path: path)
  }

  /// All requests at once; the engine's queue orders them.
  private func measure(_ prompts: [BenchPrompt], on engine: Engine, bar: ProgressBar?) async throws -> [Generation] {
    let ignoresEnd = !disableIgnoreEos
    return try await withThrowingTaskGroup(of: Generation.self) { group in
      for prompt in prompts {
        group.addTask {
          var sampling = Sampling(temperature: 0, maxTokens: prompt.outputLength)
          sampling.ignoreEndOfSequence = ignoresEnd
          let content: Prompt =
            switch prompt.content {
            case .text(let text): .text(text)
            case .tokens(let ids): .tokens(ids)
            }
          return try await engine.generate(content, sampling: sampling)
        }
      }
      var results: [Generation] = []
      for try await result in group {
        results.append(result)
        bar?.advance(tokens: result.tokens.count)
      }
      return results
    }
  }

  private func report(_ results: [Generation], seconds: Double, path: String) throws {
    let input = results.reduce(0) { $0 + $1.promptTokens }, output = results.reduce(0) { $0 + $1.tokens.count }
    let cached = results.reduce(0) { $0 + $1.cachedTokens }
    let fields: [(String, JSONValue)] = [
      ("successful_requests", .int(Int64(results.count))), ("total_latency", .double(seconds)),
      ("total_input_tokens", .int(Int64(input))), ("total_cached_tokens", .int(Int64(cached))),
      ("total_output_tokens", .int(Int64(output))), ("request_throughput", .double(Double(results.count) / seconds)),
      ("input_throughput", .double(Double(input) / seconds)), ("output_throughput", .double(Double(output) / seconds)),
      ("total_throughput", .double(Double(input + output) / seconds)),
    ]
    for (name, value) in fields {
      let text = value.intValue.map { "\($0)" } ?? String(format: "%.3f", value.doubleValue ?? 0)
      Terminal.out(name.padding(toLength: 24, withPad: " ", startingAt: 0) + text)
    }
    guard let resultFilename else { return }
    var line = JSONObject([
      ("model", .string(URL(fileURLWithPath: path).lastPathComponent)),
      ("dataset_name", .string(dataset.datasetName.rawValue)),
    ])
    for (name, value) in fields { line[name] = value }
    var bytes: [UInt8] = []
    JSONValue.object(line).write(to: &bytes)
    try ResultFile(path: resultFilename).append(bytes)
  }
}
