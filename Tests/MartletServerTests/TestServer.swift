import Hummingbird
import HummingbirdTesting
import Logging
import MartletCore

@testable import MartletServer
@testable import MartletText

/// The routes over a scripted engine and a tokenizer whose tokens are single bytes.
struct TestServer {
  let generator: ScriptedGenerator
  let server: APIServer

  struct Reply {
    let status: Int
    let text: String
    var json: JSONValue { get throws { try JSONValue(parsing: Array(text.utf8)) } }
    /// The `data:` lines of an event stream, whatever stands beside them, without the closing `[DONE]`.
    var data: [JSONValue] {
      get throws {
        try text.split(separator: "\n").filter { $0.hasPrefix("data: {") }
          .map { try JSONValue(parsing: Array($0.dropFirst(6).utf8)) }
      }
    }
    /// The `data:` frames of an event stream, without the closing `[DONE]`.
    var events: [JSONValue] {
      get throws {
        try text.split(separator: "\n\n").map { $0.dropFirst(6) }.filter { $0 != "[DONE]" }
          .map { try JSONValue(parsing: Array($0.utf8)) }
      }
    }
  }

  init(
    _ generator: ScriptedGenerator, options: HTTPOptions = HTTPOptions(), formats: AnswerFormats = AnswerFormats(),
    template: String? = nil, state: ServerState? = nil,
    embeddings: ServedModel.Embeddings? = ServedModel.Embeddings(pooling: .mean, dimensions: 3)
  ) throws {
    self.generator = generator
    let plain = """
      {%- for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if tools %}[{{ tools | length }} tools]{% endif -%}
      {% if add_generation_prompt %}assistant:{% endif %}
      """
    var model = ServedModel(
      name: "test", path: "/models/test", created: 1, tokenizer: try Self.tokenizer(),
      template: try ChatTemplate(source: template ?? plain), generator: generator, architecture: "llama")
    model.weights = ServedModel.Weights(bytes: 1_000, parameters: 1_500_000, type: "BF16")
    model.formats = formats
    model.embeddings = embeddings
    server = try APIServer(model: model, options: options, state: state, logger: Logger(label: "test")) {
      1_700_000_000
    }
  }

  /// Token i is the byte i; 256 and 257 are special.
  static func tokenizer() throws -> Tokenizer {
    var tokens = TokenList()
    for byte in UInt8.min...UInt8.max { tokens.append(String(ByteAlphabet.scalars[Int(byte)]).utf8) }
    tokens.append("<|start|>".utf8)
    tokens.append("<|end|>".utf8)
    var description = TokenizerDescription(
      model: .byteLevelBPE(merges: MergeList(), ignoreMerges: false), tokens: tokens)
    description.added = [
      .init(id: 256, content: "<|start|>", special: true), .init(id: 257, content: "<|end|>", special: true),
    ]
    description.end = 257
    return try Tokenizer(description)
  }

  static func request(headers: HTTPFields) -> Request {
    Request(
      head: HTTPRequest(method: .post, scheme: "http", authority: "host", path: "/", headerFields: headers),
      body: RequestBody(buffer: ByteBuffer()))
  }

  func send(
    _ path: String, _ body: JSONValue? = nil, method: HTTPRequest.Method = .post, headers: HTTPFields = [:]
  ) async throws -> Reply {
    var bytes: [UInt8] = []
    body?.write(to: &bytes)
    return try await send(path, bytes: bytes, method: method, headers: headers)
  }

  func send(
    _ path: String, bytes: [UInt8], method: HTTPRequest.Method = .post, headers: HTTPFields = [:]
  ) async throws -> Reply {
    var headers = headers
    if headers[.contentType] == nil { headers[.contentType] = "application/json" }
    let fields = headers
    let application = Application(responder: server.router().buildResponder())
    return try await application.test(.router) { client in
      try await client.execute(uri: path, method: method, headers: fields, body: ByteBuffer(bytes: bytes)) {
        Reply(status: Int($0.status.code), text: String(buffer: $0.body))
      }
    }
  }
}

extension JSONValue {
  subscript(index: Int) -> JSONValue? {
    guard let list = arrayValue, list.indices.contains(index) else { return nil }
    return list[index]
  }
}
