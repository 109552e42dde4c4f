/// A client's wish to come back to the stream that it asks for.
struct Resumption: Sendable {
  let streams: ResumableStreams
  let tenant: Tenant
  /// How long the generation goes on after the client has left.
  let grace: Duration

  func open() -> EventLog? { streams.open(id: Identifier.make("strm_"), tenant: tenant, grace: grace) }
}
