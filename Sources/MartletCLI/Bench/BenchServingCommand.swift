import ArgumentParser
import AsyncHTTPClient
import Foundation
import MartletBench
import MartletText
import NIOCore

/// `martlet bench serving`: a load on a running server.
struct BenchServingCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serving", abstract: "Send a load to a running server and time its streams.",
    discussion: """
      Flags and result fields are those of SGLang's bench_serving. Any server with OpenAI's completions or SGLang's
      /generate can be measured.

        martlet bench serving --backend openai --base-url http://127.0.0.1:30000 \\
          --dataset-name random-ids --num-prompts 64 --random-input-len 256 --random-output-len 64 --max-concurrency 32
      """)

  @Option(help: "Dialect: martlet and sglang speak /generate, openai /v1/completions, openai-chat chat completions.")
  var backend = BenchBackend.martlet

  @Option(help: "Address of the server.")
  var baseUrl = "http://127.0.0.1:30000"

  @Option(help: "Model name for OpenAI's dialects.")
  var model = "default"

  @Option(help: "Key sent as a bearer token.")
  var apiKey: String?

  @OptionGroup(title: "Load") var dataset: BenchDatasetFlags

  @Option(help: "Requests a second, arriving at random; inf sends all at once.")
  var requestRate = Double.infinity

  @Option(help: "Requests in flight at most. Default: no bound.")
  var maxConcurrency: Int?

  @Option(help: "Requests sent before the measured ones.")
  var warmupRequests = 1

  @Flag(help: "Empty the server's prefix cache after the warm-up.")
  var flushCache = false

  @Flag(help: "Let answers end before their length.")
  var disableIgnoreEos = false

  @Option(help: "JSON object whose fields replace those of every request, such as '{\"temperature\": 1}'.")
  var extraRequestBody = "{}"

  @Option(parsing: .upToNextOption, help: "Limits in milliseconds that a good request meets: ttft:MS tpot:MS e2el:MS.")
  var goodput: [String] = []

  @Option(help: "Append the result as a JSON line to this file.")
  var outputFile: String?

  @Flag(help: "Put every request's lengths, times and text into the result.")
  var outputDetails = false

  @Option(help: "Draw latencies and throughput into this SVG file.")
  var plot: String?

  func validate() throws {
    try dataset.validateTokenizer()
    _ = try BenchGoodput(goodput)
    _ = try extraFields()
    guard requestRate > 0 else { throw ValidationError("--request-rate must be over 0, got \(requestRate)") }
    guard maxConcurrency ?? 1 > 0, warmupRequests >= 0 else {
      throw ValidationError("--max-concurrency must be at least 1 and --warmup-requests at least 0")
    }
    guard let url = URL(string: baseUrl), url.scheme == "http" || url.scheme == "https", url.host != nil else {
      throw ValidationError("--base-url \(baseUrl): give an address such as http://127.0.0.1:30000")
    }
  }

  func run() async throws {
    var source = try dataset.dataset()
    let prompts = try source.prompts()
    var configuration = HTTPClient.Configuration()
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = maxConcurrency ?? prompts.count
    let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    do {
      let outcomes = try await measure(prompts, http)
      try await http.shutdown()
      try report(outcomes.outcomes, duration: outcomes.duration)
    } catch {
      try? await http.shutdown()
      throw error
    }
  }

  private func extraFields() throws -> JSONObject {
    guard let object = (try? JSONValue(parsing: Array(extraRequestBody.utf8)))?.objectValue else {
      throw ValidationError("--extra-request-body must be a JSON object, got \(extraRequestBody)")
    }
    return object
  }

  private func client(_ http: HTTPClient) throws -> BenchClient {
    BenchClient(
      backend: backend, baseURL: baseUrl.hasSuffix("/") ? String(baseUrl.dropLast()) : baseUrl, model: model,
      apiKey: apiKey, ignoresEnd: !disableIgnoreEos, extra: try extraFields(), http: http)
  }

  private func measure(
    _ prompts: [BenchPrompt], _ http: HTTPClient
  ) async throws -> (outcomes: [BenchOutcome], duration: Double) {
    guard let first = prompts.first else { throw BenchFailure(description: "the load is empty") }
    for _ in 0..<warmupRequests {
      let outcome = try await client(http).run(first)
      if let error = outcome.error { throw BenchFailure(description: "the warm-up request failed: \(error)") }
    }
    if flushCache { try await client(http).flushCache() }
    let client = try client(http)
    let bar = ProgressBar(total: prompts.count, unit: "requests")
    let load = BenchLoad(
      client: client, rate: requestRate, maxConcurrency: maxConcurrency ?? prompts.count, seed: dataset.seed,
      progress: { bar.advance(tokens: $0) })
    let outcomes = await load.run(prompts)
    bar.finish()
    return (outcomes, (ContinuousClock.now - client.origin) / .seconds(1))
  }

  private func report(_ outcomes: [BenchOutcome], duration: Double) throws {
    let metrics = BenchMetrics(outcomes, duration: duration, goodput: try BenchGoodput(goodput))
    for (name, value) in metrics.fields {
      let text = value.intValue.map { "\($0)" } ?? String(format: "%.3f", value.doubleValue ?? 0)
      Terminal.out(name.padding(toLength: 28, withPad: " ", startingAt: 0) + text)
    }
    if let error = outcomes.compactMap(\.error).first {
      Terminal.note("\(metrics.failed) of \(outcomes.count) requests failed; the first: \(error)")
    }
    if let plot {
      try Data(BenchPlot(outcomes, duration: duration).svg.utf8).write(to: URL(fileURLWithPath: plot))
    }
    if let outputFile { try append(metrics, outcomes, to: outputFile) }
    if metrics.completed == 0 { throw ExitCode.failure }
  }

  private func append(_ metrics: BenchMetrics, _ outcomes: [BenchOutcome], to path: String) throws {
    var line = JSONObject([
      ("backend", .string(backend.rawValue)), ("dataset_name", .string(dataset.datasetName.rawValue)),
      ("request_rate", requestRate.isFinite ? .double(requestRate) : "inf"),
      ("max_concurrency", maxConcurrency.map { .int(Int64($0)) } ?? .null),
      ("seed", .int(Int64(bitPattern: dataset.seed))),
    ])
    for (name, value) in metrics.fields { line[name] = value }
    if outputDetails {
      line["input_lens"] = .array(outcomes.map { .int(Int64($0.inputTokens)) })
      line["output_lens"] = .array(outcomes.map { .int(Int64($0.outputTokens)) })
      line["ttfts"] = .array(outcomes.map { $0.firstToken.map { .double($0) } ?? .null })
      line["itls"] = .array(outcomes.map { .array($0.gaps.map { .double($0) }) })
      line["generated_texts"] = .array(outcomes.map { .string($0.text) })
      line["errors"] = .array(outcomes.map { .string($0.error ?? "") })
    }
    var bytes: [UInt8] = []
    JSONValue.object(line).write(to: &bytes)
    try ResultFile(path: path).append(bytes)
  }
}

extension BenchBackend: ExpressibleByArgument {}
