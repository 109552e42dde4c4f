import ArgumentParser
import Foundation
import Logging
import Martlet
import MartletCore
import MartletEngine
import MartletModel
import MartletServer
import MartletText

/// `martlet serve`: the HTTP server.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Serve a model over OpenAI-compatible HTTP.")

  @OptionGroup var modelFlags: ModelFlags

  @Option(help: "Address to listen on. Others than loopback need --api-key.")
  var host = "127.0.0.1"

  @Option(help: "Port to listen on; 0 lets the system choose.")
  var port = 30000

  @Option(help: "Name of the model in answers. Default: the file's name.")
  var servedModelName: String?

  @Option(help: "Key that clients must send as a bearer token.")
  var apiKey: String?

  @Option(help: "Key for the cache and abort routes.")
  var adminApiKey: String?

  @Option(help: "Format of the model's tool calls: a name, none, or auto (found from the chat template).")
  var toolCallParser = "auto"

  @Option(help: "Format of the model's reasoning: a name, none, or auto (found from the chat template).")
  var reasoningParser = "auto"

  @Option(help: "How prompts become embeddings: last (token), mean, none, or auto (as the model says, else last).")
  var pooling = "auto"

  @Flag(help: "Let requests go before others by their priority field (higher first). Without it the field is ignored.")
  var enablePriorityScheduling = false

  @Option(help: "Seconds that a client may take for a request's head, and for its body (one more for each 16 KiB).")
  var requestTimeout = 60

  @Option(help: "Seconds that a connection stays open without a request.")
  var idleTimeout = 120

  @Option(help: "Log level: trace, debug, info, warning or error.")
  var logLevel = "info"

  @OptionGroup(title: "Constrained output") var whitespaceFlags: WhitespaceFlags

  @OptionGroup(title: "What is kept between requests") var stateFlags: StateFlags

  @OptionGroup(title: "Engine") var engineFlags: EngineFlags

  func validate() throws {
    _ = try modelFlags.path()
    let names = ["auto", "none"]
    guard names.contains(toolCallParser) || ToolFormat.named(toolCallParser) != nil else {
      throw ValidationError(
        "--tool-call-parser \(toolCallParser) is not known; use auto, none, \(ToolFormat.names.joined(separator: ", "))"
      )
    }
    guard names.contains(reasoningParser) || ReasoningFormat.named(reasoningParser) != nil else {
      throw ValidationError(
        "--reasoning-parser \(reasoningParser) is not known; use auto, none, \(ReasoningFormat.names.joined(separator: ", "))"
      )
    }
    guard names.contains(pooling) || Pooling(rawValue: pooling) != nil else {
      throw ValidationError("--pooling \(pooling) is not known; use auto, none, last or mean")
    }
    guard Logger.Level(rawValue: logLevel) != nil else {
      throw ValidationError("--log-level must be trace, debug, info, warning or error, got \(logLevel)")
    }
  }

  func run() async throws {
    var options = HTTPOptions()
    options.host = host
    options.port = port
    options.apiKey = apiKey
    options.adminAPIKey = adminApiKey
    options.honorsPriority = enablePriorityScheduling
    options.requestTimeoutSeconds = requestTimeout
    options.idleTimeoutSeconds = idleTimeout
    try options.validate()
    var logger = Logger(label: "martlet")
    logger.logLevel = logLevel == "info" ? .warning : Logger.Level(rawValue: logLevel) ?? .info

    let stateOptions = try stateFlags.options()
    let modelPath = try modelFlags.path()
    let model = try await LoadedModel.load(path: modelPath, options: engineFlags.options)
    Terminal.note(model.device)
    let name = servedModelName ?? URL(fileURLWithPath: modelPath).deletingPathExtension().lastPathComponent
    let served = served(model, name: name, path: modelPath)
    let clock: @Sendable () -> Int = { Int(Date().timeIntervalSince1970) }
    let server = try APIServer(
      model: served, options: options, state: ServerState(options: stateOptions, clock: clock), logger: logger,
      clock: clock)
    Task.detached(priority: .background) { [grammars = served.grammars] in _ = grammars.vocabulary }
    let watch = Task { await Self.endAfterFailure(of: model.engine) }
    try await server.run { port in announce(model, name: name, port: port) }
    await model.engine.shutdown(drain: false)
    await watch.value
  }

  /// A device that fails cannot be had back: the requests under way get their ends, then the process gives way to a new
  /// one.
  private static func endAfterFailure(of engine: MartletEngine.Engine) async {
    guard let failure = await engine.waitForEnd() else { return }
    Terminal.note("error: the device failed (\(failure)); start the server again")
    try? await Task.sleep(for: .seconds(1))
    Foundation.exit(EXIT_FAILURE)
  }

  private func served(_ model: LoadedModel, name: String, path modelPath: String) -> ServedModel {
    var served = ServedModel(
      name: name, path: modelPath, created: Int(Date().timeIntervalSince1970), tokenizer: model.tokenizer,
      template: model.template, generator: model.engine, architecture: model.configuration.architecture.rawValue)
    served.weights = ServedModel.Weights(
      bytes: model.weights.bytes, parameters: model.weights.parameters, type: model.weights.type)
    if pooling != "none" {
      served.embeddings = ServedModel.Embeddings(
        pooling: Pooling(rawValue: pooling) ?? model.configuration.pooling ?? .last,
        dimensions: model.configuration.hiddenSize)
    }
    served.workers = TextWorkers(count: ProcessInfo.processInfo.activeProcessorCount - 1)
    served.whitespace = whitespaceFlags.form.grammar
    let template = model.template?.source ?? ""
    served.formats = AnswerFormats(
      tools: toolCallParser == "auto"
        ? FormatDetection.toolFormat(template: template) : ToolFormat.named(toolCallParser),
      reasoning: reasoningParser == "auto"
        ? FormatDetection.reasoningFormat(template: template) : ReasoningFormat.named(reasoningParser),
      tokenizer: model.tokenizer)
    served.defaults.temperature = model.defaults.temperature
    served.defaults.topP = model.defaults.topP
    served.defaults.topK = model.defaults.topK
    served.defaults.minP = model.defaults.minP
    served.defaults.repetitionPenalty = model.defaults.repetitionPenalty
    served.options = JSONObject([
      ("version", .string(martletVersion)), ("model_path", .string(modelPath)), ("served_model_name", .string(name)),
      ("host", .string(host)), ("port", .int(Int64(port))), ("device", .string(model.kernels)),
      ("tool_call_parser", served.formats.tools.map { .string($0.name) } ?? .null),
      ("reasoning_parser", served.formats.reasoning.map { .string($0.name) } ?? .null),
      ("pooling", served.embeddings.map { .string($0.pooling.rawValue) } ?? .null),
      ("load_format", .string(engineFlags.loadFormat.rawValue)),
      ("page_size", .int(Int64(model.plan.pageSize))),
      ("chunked_prefill_size", .int(Int64(model.plan.maxBatchedTokens))),
      ("kv_cache_dtype", .string("\(model.plan.cacheType)")),
      ("schedule_policy", .string(engineFlags.schedulePolicy.rawValue)),
      ("disable_radix_cache", .bool(engineFlags.disableRadixCache)),
      ("mem_fraction_static", engineFlags.memFractionStatic.map { .double($0) } ?? .null),
    ])
    return served
  }

  private func announce(_ model: LoadedModel, name: String, port: Int) {
    for span in model.startup.spans {
      Terminal.note("  \(span.phase): \(String(format: "%.1f", span.milliseconds)) ms")
    }
    Terminal.note(
      """
      \(name) on \(model.kernels), \(model.plan.totalTokens) tokens of KV cache, context \(model.plan.contextLength)
      listening on http://\(host):\(port)   (Ctrl-C stops)

      try:
        curl http://\(host):\(port)/v1/chat/completions -H 'Content-Type: application/json' \\
          \(apiKey == nil ? "" : "-H 'Authorization: Bearer KEY' ")-d '{"messages": [{"role": "user", "content": "What is the capital of France?"}]}'
      """)
  }
}
