package import Hummingbird
import HummingbirdCore
package import Logging
import MartletCore
import MartletText
import NIOCore

/// The HTTP side of a served model.
package struct APIServer: Sendable {
  let model: ServedModel
  let options: HTTPOptions
  private let logger: Logger
  let clock: @Sendable () -> Int
  let connections = ClientConnections()
  let state: ServerState
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
    let embeddings = EmbeddingsRoute(model: model, reader: reader, connections: connections)
    return BatchRunner(store: state.batches, generator: model.generator, clients: model.clients, logger: logger) {
      work, fields in
      // The cache of a tenant's batches is its own.
      let namespace = CacheNamespace("batch=\(work.tenant.name)")
      return switch work.endpoint {
      case "/v1/completions": try await completions.answer(fields, namespace: namespace)
      case "/v1/responses": try await responses.answer(fields, namespace: namespace, tenant: work.tenant)
      case "/v1/embeddings": try await embeddings.answer(fields, namespace: namespace)
      default: try await chat.answer(fields, namespace: namespace)
      }
    }
  }

  package func router() -> Router<ServerContext> {
    let routes = routes()
    let router = Router(context: ServerContext.self, options: .autoGenerateHeadEndpoints)
    let methods = Dictionary(grouping: routes, by: \.path).mapValues { $0.map(\.method) }
    router.add(middleware: KeyMiddleware(options: options, methods: methods))
    router.add(middleware: resumption)
    PageRoutes().add(to: router)
    for route in routes { route.add(to: router) }
    return router
  }

  /// Serves until the process is told to stop.
  /// - Parameter onListening: called once with the port that connections are taken on.
  package func run(onListening: @escaping @Sendable (Int) async -> Void) async throws {
    let application = Application(
      router: router(),
      server: .http1(
        configuration: HTTP1Channel.Configuration(
          additionalChannelHandlers: [
            RequestDeadline(timeout: .seconds(Int64(options.requestTimeoutSeconds))),
            ConnectionHandler(connections: connections, keepAlive: .seconds(15)),
          ],
          idleTimeout: .seconds(Int64(options.idleTimeoutSeconds)))),
      configuration: ApplicationConfiguration(
        address: .hostname(options.host, port: options.port), serverName: "martlet"),
      onServerRunning: { channel in await onListening(channel.localAddress?.port ?? options.port) }, logger: logger)
    state.tasks.run { [batches] in await batches.run() }
    try await application.runService()
    await state.tasks.close()
  }
}
