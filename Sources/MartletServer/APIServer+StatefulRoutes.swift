import Hummingbird
import MartletText

extension APIServer {
  /// The routes whose answers outlive their requests.
  func stateful(_ reader: RequestReader) -> [ServedRoute] {
    let responses = ResponsesRoute(
      model: model, reader: reader, connections: connections, store: state.responses, streams: state.streams,
      running: state.running)
    let stored = StoredResponseRoutes(
      reader: reader, connections: connections, store: state.responses, streams: state.streams, running: state.running)
    let resumption = resumption
    return [
      ServedRoute(
        .post, "/v1/responses",
        RouteDescription(
          "Answer an input and keep the answer", body: RequestField.response, required: ["input"],
          example: ["input": "hello", "max_output_tokens": 4], stream: "text/event-stream"
        ).answering(.response)
      ) { try await responses.handle($0, $1) },
      ServedRoute(
        .get, "/v1/streams/:id", RouteDescription("Go on with a stream that its client left", answer: .events)
      ) { try resumption.read($0, $1) },
    ] + stored.routes() + FileRoutes(options: options, store: state.files).routes()
      + BatchRoutes(reader: reader, store: state.batches, runner: batches).routes()
  }

  /// What lets clients come back to streams.
  var resumption: ResumeMiddleware {
    ResumeMiddleware(streams: state.streams, connections: connections, options: options)
  }
}
