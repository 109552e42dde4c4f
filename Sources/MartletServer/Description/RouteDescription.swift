import MartletText

/// What /openapi.json says about a route.
struct RouteDescription: Sendable {
  /// The form of a good answer.
  enum Answer: String, Sendable {
    case json = "application/json"
    case text = "text/plain"
    case page = "text/html"
    case events = "text/event-stream"
    case bytes = "application/octet-stream"
    /// Only a status.
    case none = ""
  }

  let summary: String
  let answer: Answer
  /// How it answers when `stream` is true; nil when it never streams.
  var stream: String?
  /// The body's fields; nil when there is no body.
  var body: [RequestField]?
  /// Fields that a body must have.
  var required: [String] = []
  /// A small valid body.
  var example: JSONValue = .null
  /// What a good answer in JSON holds; nil where that is not described.
  private(set) var shape: AnswerShape?

  /// The same with what the answer holds.
  func answering(_ shape: AnswerShape) -> RouteDescription {
    var description = self
    description.shape = shape
    return description
  }

  init(_ summary: String, answer: Answer = .json) {
    self.summary = summary
    self.answer = answer
  }

  init(
    _ summary: String, body: [RequestField], required: [String] = [], example: JSONValue, stream: String? = nil,
    answer: Answer = .json
  ) {
    self.init(summary, answer: answer)
    self.body = body
    self.required = required
    self.example = example
    self.stream = stream
  }
}
