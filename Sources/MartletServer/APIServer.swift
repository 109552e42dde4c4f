package import Hummingbird
import HummingbirdCore
package import Logging
import MartletCore
import MartletText
import NIOCore

/// The HTTP side of a served model.
package struct APIServer: Sendable {
  private let model: ServedModel
  private let options: HTTPOptions
  private let logger: Logger
  private let clock: @Sendable () -> Int
  private let connections = ClientConnections()
  private let state: ServerState
  let batches: BatchRunner

  /// - Parameter clock: seconds since 1970, for the `created` fields.
  /// - Parameter state: what is kept between requests; nil keeps it in memory.
  /// - Throws: `HTTPOptions.Refusal` for an address that may not be served without a key.
  package init(
    model: ServedModel, options: HTTPOptions, state: ServerState? = nil, logger: Logger,
    clock: @escaping @Sendable () -> Int
  ) throws {
    try options.validate()
    self.model = model
    self.options = options
    self.logger = logger
    self.clock = clock
    let state = try state ?? ServerState(clock: clock)
    self.state = state
    var reader = RequestReader(options: options, workers: model.workers)
    reader.fixedPriority = BatchRunner.priority
    batches = Self.runner(model: model, reader: reader, state: state, logger: logger, clock: clock)
  }

  /// What answers the requests of batches, as the routes do.
  private static func runner(
    model: ServedModel, reader: RequestReader, state: ServerState, logger: Logger, clock: @escaping @Sendable () -> Int
  ) -> BatchRunner {
    let connections = ClientConnections()
    let chat = ChatRoute(model: model, reader: reader, connections: connections, clock: clock)
    let completions = CompletionsRoute(model: model, reader: reader, connections: connections, clock: clock)
    let responses = ResponsesRoute(
      model: model, reader: reader, connections: connections, store: state.responses, streams: state.streams,
      running: state.running)
    return BatchRunner(store: state.batches, generator: model.generator, logger: logger) { work, fields in
      // The cache of a tenant's batches is its own.
      let namespace = CacheNamespace("batch=\(work.tenant.name)")
      return switch work.endpoint {
      case "/v1/completions": try await completions.answer(fields, namespace: namespace)
      case "/v1/responses": try await responses.answer(fields, namespace: namespace, tenant: work.tenant)
      default: try await chat.answer(fields, namespace: namespace)
      }
    }
  }

  package func router() -> Router<ServerContext> {
    let router = Router(context: ServerContext.self)
    router.add(middleware: KeyMiddleware(options: options))
    let resume = ResumeMiddleware(streams: state.streams, connections: connections, options: options)
    router.add(middleware: resume)
    router.get("/v1/streams/:id") { request, context in try resume.read(request, context) }
    let reader = RequestReader(options: options, workers: model.workers), registry = RequestRegistry()
    addStatus(to: router)
    let chat = ChatRoute(model: model, reader: reader, connections: connections, clock: clock)
    router.post("/v1/chat/completions") { request, context in try await chat.handle(request, context) }
    let completions = CompletionsRoute(model: model, reader: reader, connections: connections, clock: clock)
    router.post("/v1/completions") { request, context in try await completions.handle(request, context) }
    let generate = GenerateRoute(model: model, reader: reader, registry: registry, connections: connections)
    router.post("/generate") { request, context in try await generate.handle(request, context) }
    router.put("/generate") { request, context in try await generate.handle(request, context) }
    let control = ControlRoutes(model: model, reader: reader, registry: registry)
    router.get("/flush_cache") { _, _ in await control.flushCache() }
    router.post("/flush_cache") { _, _ in await control.flushCache() }
    router.post("/abort_request") { request, _ in try await control.abort(request) }
    addDialects(to: router, reader: reader)
    addStateful(to: router, reader: reader)
    let parse = ParseRoutes(model: model, reader: reader)
    router.post("/separate_reasoning") { request, _ in try await parse.separateReasoning(request) }
    router.post("/parse_function_call") { request, _ in try await parse.parseFunctionCall(request) }
    let tokenize = TokenizeRoutes(model: model, reader: reader)
    for path in ["/tokenize", "/v1/tokenize"] {
      router.post(RouterPath(path)) { request, _ in try await tokenize.tokenize(request) }
    }
    for path in ["/detokenize", "/v1/detokenize"] {
      router.post(RouterPath(path)) { request, _ in try await tokenize.detokenize(request) }
    }
    return router
  }

  private func addDialects(to router: Router<ServerContext>, reader: RequestReader) {
    let messages = MessagesRoute(model: model, reader: reader, connections: connections)
    router.post("/v1/messages") { request, context in try await messages.handle(request, context) }
    router.post("/v1/messages/count_tokens") { request, _ in try await messages.countTokens(request) }
    let ollama = OllamaRoutes(model: model, reader: reader, connections: connections, clock: clock)
    router.post("/api/chat") { request, context in try await ollama.chat(request, context) }
    router.post("/api/generate") { request, context in try await ollama.generate(request, context) }
    router.post("/api/show") { request, _ in try await ollama.show(request) }
    router.get("/api/tags") { _, _ in ollama.tags() }
    router.get("/api/ps") { _, _ in ollama.running() }
    router.get("/api/version") { _, _ in ollama.version() }
  }

  /// The routes whose answers outlive their requests.
  private func addStateful(to router: Router<ServerContext>, reader: RequestReader) {
    let responses = ResponsesRoute(
      model: model, reader: reader, connections: connections, store: state.responses, streams: state.streams,
      running: state.running)
    router.post("/v1/responses") { request, context in try await responses.handle(request, context) }
    StoredResponseRoutes(
      reader: reader, connections: connections, store: state.responses, streams: state.streams, running: state.running
    ).add(to: router)
    FileRoutes(options: options, store: state.files).add(to: router)
    BatchRoutes(reader: reader, store: state.batches, runner: batches).add(to: router)
  }

  private func addStatus(to router: Router<ServerContext>) {
    let status = StatusRoutes(model: model)
    PageRoutes().add(to: router)
    for path in ["/health", "/health_generate", "/ping"] {
      router.get(RouterPath(path)) { _, _ in await status.health() }
    }
    router.get("/ready") { _, _ in status.ready() }
    router.get("/v1/models") { _, _ in status.models() }
    router.get("/v1/models/**") { _, context in
      try status.model(named: context.parameters.getCatchAll().joined(separator: "/"))
    }
    for path in ["/model_info", "/get_model_info"] {
      router.get(RouterPath(path)) { _, _ in status.modelInfo() }
    }
    for path in ["/server_info", "/get_server_info"] {
      router.get(RouterPath(path)) { _, _ in status.serverInfo() }
    }
  }

  /// Serves until the process is told to stop.
  /// - Parameter onListening: called once with the port that connections are taken on.
  package func run(onListening: @escaping @Sendable (Int) async -> Void) async throws {
    let application = Application(
      router: router(),
      server: .http1(
        configuration: HTTP1Channel.Configuration(
          additionalChannelHandlers: [ConnectionHandler(connections: connections, keepAlive: .seconds(15))],
          idleTimeout: .seconds(120))),
      configuration: ApplicationConfiguration(
        address: .hostname(options.host, port: options.port), serverName: "martlet"),
      onServerRunning: { channel in await onListening(channel.localAddress?.port ?? options.port) }, logger: logger)
    state.tasks.run { [batches] in await batches.run() }
    try await application.runService()
    await state.tasks.close()
  }
}
