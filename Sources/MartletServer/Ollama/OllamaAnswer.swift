import MartletCore
import MartletText

/// The lines of an Ollama answer.
struct OllamaAnswer: Sendable {
  struct Timing: Sendable {
    let request: RequestTiming
    let admitted: ContinuousClock.Instant
  }

  /// Whether it answers /api/chat, with messages, or /api/generate, with text.
  let isChat: Bool
  let name: String
  let created: String
  /// What was left out of the prompt, which the last line tells.
  private let cut: OllamaContext.Cut?
  /// The last line tells the tokens, too.
  private let tellsTokenIDs: Bool
  /// Spells the tokens whose log-probabilities are told; nil when they are not.
  private let tokenizer: Tokenizer?
  /// Set when the last line tells where the time went.
  var timing: Timing?
  private var sentLogprobs = 0
  /// A call whose arguments are still coming: Ollama sends calls whole.
  private var open: ParsedResponse.Call?

  init(isChat: Bool, name: String, created: Int, cut: OllamaContext.Cut?, tellsTokenIDs: Bool, tokenizer: Tokenizer?) {
    self.cut = cut
    self.tokenizer = tokenizer
    self.tellsTokenIDs = tellsTokenIDs
    self.isChat = isChat
    self.name = name
    self.created = Timestamp.text(created)
  }

  /// The lines for deltas.
  mutating func append(_ deltas: [ResponseDelta], of choice: Choice) -> [JSONValue] {
    withLogprobs(append(deltas), choice)
  }

  private mutating func append(_ deltas: [ResponseDelta]) -> [JSONValue] {
    var lines: [JSONValue] = []
    for delta in deltas {
      switch delta {
      case .arguments(_, let text): open?.arguments += text
      case .call(_, let id, let name):
        lines += closeCall()
        open = ParsedResponse.Call(id: id, name: name)
      case .content(let text): lines += closeCall() + [line(content: text)]
      case .reasoning(let text): lines.append(line(content: "", thinking: text))
      }
    }
    return lines
  }

  private mutating func closeCall() -> [JSONValue] {
    guard let call = open else { return [] }
    open = nil
    return [line(content: "", calls: [Self.json(call)])]
  }

  static func json(_ call: ParsedResponse.Call) -> JSONValue {
    let arguments = try? JSONValue(parsing: call.arguments)
    return [
      "function": [
        "name": .string(call.name),
        "arguments": arguments?.objectValue == nil ? ["INVALID_JSON": .string(call.arguments)] : arguments ?? .null,
      ]
    ]
  }

  private func line(content: String, thinking: String = "", calls: [JSONValue] = []) -> JSONValue {
    var line: JSONObject = ["model": .string(name), "created_at": .string(created)]
    if isChat {
      var message: JSONObject = ["role": "assistant", "content": .string(content)]
      if !thinking.isEmpty { message["thinking"] = .string(thinking) }
      if !calls.isEmpty { message["tool_calls"] = .array(calls) }
      line["message"] = .object(message)
    } else {
      line["response"] = .string(content)
      if !thinking.isEmpty { line["thinking"] = .string(thinking) }
    }
    line["done"] = false
    return .object(line)
  }

  /// Lines, each with the log-probabilities of the tokens that came since the one before.
  private mutating func withLogprobs(_ lines: [JSONValue], _ choice: Choice) -> [JSONValue] {
    guard let tokenizer else { return lines }
    return lines.map { line in
      guard var object = line.objectValue else { return line }
      let fresh = choice.assembler.logprobs[sentLogprobs...]
      sentLogprobs = choice.assembler.logprobs.count
      object["logprobs"] = .array(fresh.map { $0.chatJSON(tokenizer) })
      return .object(object)
    }
  }

  /// The last lines of a stream: a call that is still open, and the end with its figures.
  mutating func finish(_ choice: Choice) -> [JSONValue] {
    withLogprobs(closeCall() + [end(line(content: ""), choice)], choice)
  }

  /// A whole answer.
  mutating func whole(_ choice: Choice) -> JSONValue {
    let answer = choice.answer
    let line = line(content: answer.content, thinking: answer.reasoning, calls: answer.calls.map(Self.json))
    return withLogprobs([end(line, choice)], choice)[0]
  }

  private func end(_ line: JSONValue, _ choice: Choice) -> JSONValue {
    guard var object = line.objectValue else { return line }
    let usage = choice.assembler.usage
    let first = usage.firstTokenNanoseconds, total = usage.totalNanoseconds
    object["done"] = true
    object["done_reason"] = choice.finishReason == "length" ? "length" : "stop"
    object["total_duration"] = Self.nanoseconds(total)
    object["load_duration"] = 0
    object["prompt_eval_count"] = .int(Int64(choice.prompt.count))
    object["cached_tokens"] = .int(Int64(usage.cachedTokens))
    object["prompt_eval_duration"] = Self.nanoseconds(first)
    object["eval_count"] = .int(Int64(choice.assembler.tokens.count))
    object["eval_duration"] = Self.nanoseconds(total > first ? total - first : 0)
    switch cut {
    case nil: break
    case .messages(let count)?: object["truncated_messages"] = .int(Int64(count))
    case .tokens(let count)?: object["truncated_tokens"] = .int(Int64(count))
    }
    object["timing"] = timing.map { $0.request.json(choice, admitted: $0.admitted) }
    if tellsTokenIDs { choice.addTokenIDs(to: &object) }
    return .object(object)
  }

  private static func nanoseconds(_ value: UInt64) -> JSONValue { .int(Int64(clamping: value)) }
}
