package import Hummingbird
import HummingbirdCore
package import Logging
import MartletText
import NIOCore

/// The HTTP side of a served model.
package struct APIServer: Sendable {
  let model: ServedModel
  let options: HTTPOptions
  private let logger: Logger
  let clock: @Sendable () -> Int
  let connections = ClientConnections()

  /// - Parameter clock: seconds since 1970, for the `created` fields.
  /// - Throws: `HTTPOptions.Refusal` for an address that may not be served without a key.
  package init(
    model: ServedModel, options: HTTPOptions, logger: Logger, clock: @escaping @Sendable () -> Int
  ) throws {
    try options.validate()
    self.model = model
    self.options = options
    self.logger = logger
    self.clock = clock
  }

  package func router() -> Router<ServerContext> {
    let router = Router(context: ServerContext.self)
    router.add(middleware: KeyMiddleware(options: options))
    PageRoutes().add(to: router)
    for route in routes() { route.add(to: router) }
    return router
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
    try await application.runService()
  }
}
