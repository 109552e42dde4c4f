package import Hummingbird

/// What routes know about a request beside the request itself.
package struct ServerContext: RequestContext {
  package var coreContext: CoreRequestContextStorage
  /// Identity of the connection's channel.
  let channel: ObjectIdentifier
  /// Set when the client may come back to the stream that it asks for.
  var resumption: Resumption?

  package init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    channel = ObjectIdentifier(source.channel)
  }
}
