import Hummingbird
import MartletCore
import MartletText

/// An error as a client sees it. All errors become one here, and nothing internal is told.
struct HTTPFailure: Error, Sendable {
  /// How a family of routes spells errors.
  enum Dialect: Sendable { case openAI, native, plain }

  let status: Int
  let message: String
  var type = "BadRequestError"
  var field: String?
  var code: String?
  var retryAfterSeconds: Int?

  init(status: Int, message: String, type: String = "BadRequestError") {
    self.status = status
    self.message = message
    self.type = type
  }

  init(_ error: any Error) {
    switch error {
    case let failure as HTTPFailure: self = failure
    case let invalid as InvalidField:
      self.init(status: 400, message: "\(invalid.field) \(invalid.reason)")
      field = invalid.field
    case let refused as AdmissionError: self.init(refused)
    case let json as JSONError:
      self.init(status: 400, message: "the body is not valid JSON: \(json.message) at byte \(json.offset)")
    case let template as TemplateError:
      switch template.kind {
      case .raised: self.init(status: 400, message: template.message)
      case .evaluation, .syntax, .budgetExceeded:
        self.init(
          status: 400,
          message: "the chat template fails on these messages: \(template.message) (line \(template.line))")
      }
    case let http as any HTTPResponseError:
      let status = Int(http.status.code)
      self.init(
        status: status, message: status == 413 ? "the body is too large" : http.status.reasonPhrase, type: "\(status)")
    default: self.init(status: 500, message: "internal server error", type: "InternalServerError")
    }
  }

  private init(_ refused: AdmissionError) {
    switch refused {
    case .emptyPrompt: self.init(status: 400, message: "the prompt is empty")
    case .promptTooLong(let tokens, let limit):
      self.init(
        status: 400, message: "the request needs \(tokens) tokens (prompt and max_tokens), but the limit is \(limit)")
    case .unknownToken(let token, let size):
      self.init(status: 400, message: "input_ids holds \(token), which is outside the vocabulary of \(size) tokens")
    case .queueFull(let limit):
      self.init(
        status: 503, message: "the request queue is full (\(limit) requests waiting)", type: "ServiceUnavailableError")
      retryAfterSeconds = 1
    case .shuttingDown:
      self.init(status: 503, message: "the server is shutting down", type: "ServiceUnavailableError")
      retryAfterSeconds = 5
    }
  }

  /// A generation that the engine could not bring to its end.
  init(aborted reason: AbortReason) {
    switch reason {
    case .cancelled: self.init(status: 499, message: "the request was aborted", type: "AbortError")
    case .shuttingDown: self.init(AdmissionError.shuttingDown)
    case .deviceFailed: self.init(status: 500, message: "the device failed", type: "InternalServerError")
    case .invalidLogits:
      self.init(status: 500, message: "the model computed no finite value", type: "InternalServerError")
    }
  }

  func body(_ dialect: Dialect) -> JSONValue {
    switch dialect {
    case .openAI:
      .record(
        ("object", .string("error")), ("message", .string(message)), ("type", .string(type)),
        ("param", field.map(JSONValue.string) ?? .null), ("code", code.map(JSONValue.string) ?? .int(Int64(status))))
    case .native: .record(("error", .record(("message", .string(message)))))
    case .plain: .record(("error", .string(message)))
    }
  }

  /// The same inside an event stream that has begun.
  func event(_ dialect: Dialect) -> JSONValue {
    switch dialect {
    case .native, .plain:
      .record(
        (
          "error",
          .record(
            ("message", .string(message)), ("type", .string(type)), ("code", .int(Int64(status))),
            ("retryable", .bool(retryAfterSeconds != nil)))
        ))
    case .openAI: .record(("error", body(.openAI)))
    }
  }
}
