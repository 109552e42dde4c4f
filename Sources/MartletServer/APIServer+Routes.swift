import Hummingbird
import MartletText

extension APIServer {
  /// Every route with its description; the page's files are apart.
  func routes() -> [ServedRoute] {
    let reader = RequestReader(options: options, workers: model.workers)
    let api =
      openAI(reader) + native(reader) + anthropic(reader) + ollama(reader) + text(reader) + stateful(reader)
      + status()
    let document = OpenAPIDocument.json(api + [Self.document(.null)], version: model.options["version"] ?? "0.0.0")
    return api + [Self.document(document)]
  }

  private static func document(_ json: JSONValue) -> ServedRoute {
    ServedRoute(.get, "/openapi.json", RouteDescription("This document")) { _, _ in Response(json: json) }
  }

  private static let events = "text/event-stream"
  private static let lines = "application/x-ndjson"
  private static let messages: JSONValue = [["role": "user", "content": "hello"]]

  private func openAI(_ reader: RequestReader) -> [ServedRoute] {
    let chat = ChatRoute(model: model, reader: reader, connections: connections, clock: clock)
    let completions = CompletionsRoute(model: model, reader: reader, connections: connections, clock: clock)
    return [
      ServedRoute(
        .post, "/v1/chat/completions",
        RouteDescription(
          "Answer a conversation", body: RequestField.chat, required: ["messages"],
          example: ["messages": Self.messages, "max_tokens": 4], stream: Self.events
        ).answering(.chat)
      ) { try await chat.handle($0, $1) },
      ServedRoute(
        .post, "/v1/completions",
        RouteDescription(
          "Continue a text", body: RequestField.completion, required: ["prompt"],
          example: ["prompt": "hello", "max_tokens": 4], stream: Self.events
        ).answering(.completion)
      ) { try await completions.handle($0, $1) },
    ] + embeddings(reader) + [moderations()]
  }

  private func embeddings(_ reader: RequestReader) -> [ServedRoute] {
    let embeddings = EmbeddingsRoute(model: model, reader: reader, connections: connections)
    let ollama = OllamaEmbedRoutes(model: model, reader: reader, connections: connections)
    return [
      ServedRoute(
        .post, "/v1/embeddings",
        RouteDescription(
          "Turn texts into vectors", body: RequestField.embedding, required: ["input"], example: ["input": "hello"]
        ).answering(.embeddings)
      ) { try await embeddings.handle($0, $1) },
      ServedRoute(
        .post, "/api/embed",
        RouteDescription(
          "Turn texts into vectors, for Ollama's clients", body: RequestField.ollamaEmbed, example: ["input": "hello"]
        ).answering(.ollamaEmbeddings)
      ) { try await ollama.embed($0, $1) },
      ServedRoute(
        .post, "/api/embeddings",
        RouteDescription(
          "Turn a text into a vector, for Ollama's older clients", body: RequestField.ollamaEmbedding,
          example: ["prompt": "hello"]
        ).answering(.ollamaEmbedding)
      ) { try await ollama.embeddings($0, $1) },
    ]
  }

  /// What clients ask for and a model that writes text does not do: an answer that says so, not an unknown route.
  private func moderations() -> ServedRoute {
    let name = model.name
    return ServedRoute(.post, "/v1/moderations", RouteDescription("Refused: moderations need a classifier")) { _, _ in
      throw APIError(
        .badRequest, "moderations need a classifier; the served model \(name) generates text", code: "unsupported")
    }
  }

  private func native(_ reader: RequestReader) -> [ServedRoute] {
    let registry = RequestRegistry()
    let generate = GenerateRoute(model: model, reader: reader, registry: registry, connections: connections)
    let control = ControlRoutes(model: model, reader: reader, registry: registry)
    let generation = RouteDescription(
      "Continue a text, natively", body: RequestField.generate,
      example: ["text": "hello", "sampling_params": ["max_new_tokens": 4]], stream: Self.events
    ).answering(.generation)
    let flush = RouteDescription("Empty the prefix cache", answer: .text)
    let abort = RouteDescription(
      "End native generations by their ids' prefix, or all of them",
      body: [RequestField("rid", .string), RequestField("abort_all", .bool)], example: ["rid": "none"], answer: .none)
    return [HTTPRequest.Method.post, .put].map { method in
      ServedRoute(method, "/generate", generation) { try await generate.handle($0, $1) }
    }
      + [HTTPRequest.Method.get, .post].map { method in
        ServedRoute(method, "/flush_cache", flush) { _, _ in await control.flushCache() }
      } + [ServedRoute(.post, "/abort_request", abort) { request, _ in try await control.abort(request) }]
  }

  private func anthropic(_ reader: RequestReader) -> [ServedRoute] {
    let messages = MessagesRoute(model: model, reader: reader, connections: connections)
    return [
      ServedRoute(
        .post, "/v1/messages",
        RouteDescription(
          "Answer a conversation, for Anthropic's clients", body: RequestField.anthropic,
          required: ["messages", "max_tokens"], example: ["messages": Self.messages, "max_tokens": 4],
          stream: Self.events
        ).answering(.anthropic)
      ) { try await messages.handle($0, $1) },
      ServedRoute(
        .post, "/v1/messages/count_tokens",
        RouteDescription(
          "Count the tokens of a conversation", body: RequestField.anthropicPrompt, required: ["messages"],
          example: ["messages": Self.messages]
        ).answering(.tokenCount)
      ) { request, _ in try await messages.countTokens(request) },
    ]
  }

  private func ollama(_ reader: RequestReader) -> [ServedRoute] {
    let ollama = OllamaRoutes(model: model, reader: reader, connections: connections, clock: clock)
    let name = JSONValue.string(model.name), options: JSONValue = ["num_predict": 4]
    return [
      ServedRoute(
        .post, "/api/chat",
        RouteDescription(
          "Answer a conversation, for Ollama's clients", body: RequestField.ollamaChat,
          example: ["messages": Self.messages, "options": options], stream: Self.lines
        ).answering(.ollamaChat)
      ) { try await ollama.chat($0, $1) },
      ServedRoute(
        .post, "/api/generate",
        RouteDescription(
          "Answer a prompt, for Ollama's clients", body: RequestField.ollamaGenerate,
          example: ["prompt": "hello", "options": options], stream: Self.lines
        ).answering(.ollamaText)
      ) { try await ollama.generate($0, $1) },
      ServedRoute(
        .post, "/api/show",
        RouteDescription(
          "Tell about the model", body: [RequestField("model", .string)], required: ["model"],
          example: ["model": name]
        ).answering(.ollamaModel)
      ) { request, _ in try await ollama.show(request) },
      ServedRoute(.get, "/api/tags", RouteDescription("List the models").answering(.ollamaModels)) { _, _ in
        ollama.tags()
      },
      ServedRoute(.get, "/api/ps", RouteDescription("List the loaded models").answering(.ollamaModels)) { _, _ in
        ollama.running()
      },
      ServedRoute(.get, "/api/version", RouteDescription("Tell the version").answering(.version)) { _, _ in
        ollama.version()
      },
    ]
  }

  private func text(_ reader: RequestReader) -> [ServedRoute] {
    let parse = ParseRoutes(model: model, reader: reader)
    let tokenize = TokenizeRoutes(model: model, reader: reader)
    let tokens = RouteDescription(
      "Turn a text or a conversation into tokens",
      body: RequestField.conversation + [RequestField("prompt", .strings), RequestField("add_special_tokens", .bool)],
      example: ["messages": Self.messages]
    ).answering(.tokens)
    let texts = RouteDescription(
      "Turn tokens into text", body: [RequestField("tokens", .list), RequestField("skip_special_tokens", .bool)],
      required: ["tokens"], example: ["tokens": [65]]
    ).answering(.text)
    let reasoning = RouteDescription(
      "Split a text into reasoning and answer",
      body: [RequestField("text", .string), RequestField("reasoning_parser", .string)], required: ["text"],
      example: ["text": "hello", "reasoning_parser": "qwen3"]
    ).answering(.reasoning)
    let calls = RouteDescription(
      "Read the tool calls of a text",
      body: [RequestField("text", .string), RequestField("tool_call_parser", .string), RequestField("tools", .list)],
      required: ["text"], example: ["text": "hello", "tool_call_parser": "qwen25"]
    ).answering(.calls)
    return ["/tokenize", "/v1/tokenize"].map { path in
      ServedRoute(.post, path, tokens) { request, _ in try await tokenize.tokenize(request) }
    }
      + ["/detokenize", "/v1/detokenize"].map { path in
        ServedRoute(.post, path, texts) { request, _ in try await tokenize.detokenize(request) }
      } + [
        ServedRoute(.post, "/separate_reasoning", reasoning) { request, _ in try await parse.separateReasoning(request)
        },
        ServedRoute(.post, "/parse_function_call", calls) { request, _ in try await parse.parseFunctionCall(request) },
      ]
  }

  private func status() -> [ServedRoute] {
    let status = StatusRoutes(model: model)
    let alive = RouteDescription("Tell whether the engine answers", answer: .none)
    let info = RouteDescription("Describe the model").answering(.modelInfo)
    let state = RouteDescription("Tell the options and the load").answering(.serverInfo)
    return ["/health", "/health_generate", "/ping"].map { path in
      ServedRoute(.get, path, alive) { _, _ in await status.health() }
    } + [
      ServedRoute(.get, "/ready", RouteDescription("Tell whether requests are taken", answer: .none)) { _, _ in
        status.ready()
      },
      ServedRoute(.get, "/v1/models", RouteDescription("List the models").answering(.models)) { _, _ in
        status.models()
      },
      ServedRoute(.get, "/v1/models/**", RouteDescription("Tell about a model").answering(.model)) { _, context in
        try status.model(named: context.parameters.getCatchAll().joined(separator: "/"))
      },
    ]
      + ["/model_info", "/get_model_info"].map { path in
        ServedRoute(.get, path, info) { _, _ in status.modelInfo() }
      }
      + ["/server_info", "/get_server_info"].map { path in
        ServedRoute(.get, path, state) { _, _ in status.serverInfo() }
      }
  }
}
