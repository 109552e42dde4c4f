package import Hummingbird
import MartletCore
import MartletText

/// An answer that is not the one asked for: the status and the message of every dialect's error body.
package struct APIError: HTTPResponseError, Sendable {
  /// Whose error body is sent.
  package enum Dialect: Sendable {
    case openAI, native, anthropic, ollama

    /// The dialect of a route.
    init(path: String) {
      self =
        path == "/generate"
        ? .native
        : path.hasPrefix("/v1/messages") ? .anthropic : path.hasPrefix("/api/") ? .ollama : .openAI
    }
  }

  package let status: HTTPResponse.Status
  package let message: String
  package var field: String?
  package var code: String?
  package var dialect = Dialect.openAI
  /// What the path takes in place of the request's method.
  var allowedMethods: [String] = []

  package init(_ status: HTTPResponse.Status, _ message: String, field: String? = nil, code: String? = nil) {
    self.status = status
    self.message = message
    self.field = field
    self.code = code
  }

  init(_ error: InvalidField) {
    self.init(.badRequest, "\(error.field) \(error.reason)", field: error.field)
  }

  init(_ error: AdmissionError) {
    switch error {
    case .emptyPrompt: self.init(.badRequest, "the prompt is empty", field: "prompt")
    case .promptTooLong(let tokens, let limit):
      self.init(
        .badRequest,
        "the request needs \(tokens) tokens, but the context holds \(limit): shorten the prompt or lower max_tokens",
        code: "context_length_exceeded")
    case .unknownToken(let token, let size):
      self.init(
        .badRequest, "the prompt (input_ids) holds \(token); the vocabulary has \(size) tokens", field: "prompt")
    case .tooMany(let requests, let limit):
      self.init(
        .badRequest,
        "the request asks for \(requests) answers, but the server holds \(limit) at once: split it, or start the server with a larger --max-queued-requests"
      )
    case .queueFull(let limit):
      self.init(.serviceUnavailable, "the queue is full (\(limit) requests wait): try again later")
    case .shuttingDown: self.init(.serviceUnavailable, "the server is shutting down")
    }
  }

  /// Why the engine ended a generation; nil for one that was cancelled.
  init?(_ reason: AbortReason) {
    switch reason {
    case .cancelled: return nil
    case .shuttingDown: self.init(.serviceUnavailable, "the server is shutting down")
    case .deviceFailed(let status): self.init(.internalServerError, "the device failed (status \(status))")
    case .invalidLogits: self.init(.internalServerError, "the model produced no finite logits")
    }
  }

  init(_ failure: PromptBuilder.Failure) {
    switch failure {
    case .noTemplate:
      self.init(
        .badRequest, "the model has no chat template: use /v1/completions, or start the server with --chat-template")
    case .invalid(let field): self.init(field)
    case .template(let error) where error.kind == .raised: self.init(.badRequest, error.message, field: "messages")
    case .template(let error):
      self.init(.internalServerError, "the chat template failed at line \(error.line): \(error.message)")
    }
  }

  /// Maps what a route can throw.
  init(any error: any Error) {
    switch error {
    case let error as APIError: self = error
    case let error as InvalidField: self.init(error)
    case let error as AdmissionError: self.init(error)
    case let error as PromptBuilder.Failure: self.init(error)
    case let error as JSONError:
      self.init(.badRequest, "the body is not valid JSON at byte \(error.offset): \(error.message)")
    case let error as HTTPError: self.init(error.status, error.body ?? error.status.reasonPhrase)
    default: self.init(.internalServerError, "internal error")
    }
  }

  private var kind: String {
    switch status.code {
    case 401: "AuthenticationError"
    case 404: "NotFoundError"
    case 408: "TimeoutError"
    case 500...: "InternalServerError"
    default: "BadRequestError"
    }
  }

  private var anthropicKind: String {
    switch status.code {
    case 401: "authentication_error"
    case 403: "permission_error"
    case 404: "not_found_error"
    case 408: "timeout_error"
    case 413: "request_too_large"
    case 429: "rate_limit_error"
    case 503: "overloaded_error"
    case 500...: "api_error"
    default: "invalid_request_error"
    }
  }

  /// The error's JSON: OpenAI's flat object as SGLang writes it, or the native one.
  var body: JSONValue {
    switch dialect {
    case .native: ["error": ["message": .string(message)]]
    case .ollama: ["error": .string(message)]
    case .anthropic: ["type": "error", "error": ["type": .string(anthropicKind), "message": .string(message)]]
    case .openAI:
      [
        "object": "error", "message": .string(message), "type": .string(kind),
        "param": field.map(JSONValue.string) ?? .null, "code": code.map(JSONValue.string) ?? .int(Int64(status.code)),
      ]
    }
  }

  package func response(from request: Request, context: some RequestContext) throws -> Response {
    var response = Response(json: body, status: status)
    if status == .serviceUnavailable { response.headers[.retryAfter] = "1" }
    if !allowedMethods.isEmpty { response.headers[.allow] = allowedMethods.joined(separator: ", ") }
    // A body would be read as the beginning of the next answer.
    return request.method == .head ? response.createHeadResponse() : response
  }
}
