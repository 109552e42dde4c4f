import MartletCore
import MartletText

/// How much of a context a request of Ollama's takes, and what is left out of a prompt that is too long for it.
struct OllamaContext: Sendable {
  /// What was left out.
  enum Cut: Sendable {
    case messages(Int)
    case tokens(Int)
  }

  /// Tokens of prompt and answer: `num_ctx`, or the model's own where that is smaller.
  let size: Int
  /// Tokens that a prompt may have when it is cut, so that an answer finds room: `num_predict` of them or a quarter of
  /// the context, at most half of it.
  private let promptLimit: Int
  /// Tokens that stay at the beginning of a cut text.
  private let kept: Int
  /// Whether the client wants a prompt cut that is too long.
  let cuts: Bool
  private let model: ServedModel

  init(_ fields: RequestFields, model: ServedModel) throws(InvalidField) {
    let options = try fields.fields("options"), most = model.generator.limits.contextLength
    let wanted = try options?.integer("num_ctx")
    guard wanted ?? 1 > 0 else { throw InvalidField(field: "options.num_ctx", reason: "must be positive") }
    size = min(wanted ?? most, most)
    let answer = try options?.integer("num_predict") ?? 0
    promptLimit = size - max(1, min(answer > 0 ? answer : size / 4, size / 2))
    kept = max(try options?.integer("num_keep") ?? 0, model.tokenizer.addsBeginToken ? 1 : 0)
    cuts = try fields.bool("truncate") ?? false
    self.model = model
  }

  /// Leaves out the oldest turns of a conversation that is too long; what the system says and the last turn stay. A turn
  /// begins with a message of the user.
  /// - Complexity: O(log(turns)) renderings.
  func fit(_ chat: RequestFields) throws -> (fields: RequestFields, cut: Cut?) {
    guard cuts, let messages = try chat.array("messages"), try length(chat) >= size else { return (chat, nil) }
    let turns = messages.indices.filter { messages[$0]["role"] == "user" }.dropFirst()
    guard let last = turns.last else { return (chat, nil) }
    var low = turns.startIndex, high = turns.endIndex
    while low < high {
      let middle = low + (high - low) / 2
      let isShort = try length(Self.leavingOut(turns[middle], of: messages, chat)) <= promptLimit
      if isShort { high = middle } else { low = middle + 1 }
    }
    let shorter = try Self.leavingOut(low < turns.endIndex ? turns[low] : last, of: messages, chat)
    return (shorter, .messages(messages.count - (try shorter.array("messages")?.count ?? 0)))
  }

  /// Leaves out tokens of a text that is too long, behind those that are kept at its beginning.
  func fit(_ tokens: [TokenID]) -> (tokens: [TokenID], cut: Cut?) {
    guard cuts, tokens.count >= size else { return (tokens, nil) }
    let head = tokens.prefix(min(kept, promptLimit))
    return (head + tokens.suffix(promptLimit - head.count), .tokens(tokens.count - promptLimit))
  }

  private func length(_ chat: RequestFields) throws -> Int { try ChatPrompt(chat, model: model).tokens.count }

  private static func leavingOut(
    _ end: Int, of messages: [JSONValue], _ chat: RequestFields
  ) throws(InvalidField) -> RequestFields {
    var object = chat.object
    object["messages"] = .array(
      messages.indices.filter { $0 >= end || messages[$0]["role"] == "system" }.map { messages[$0] })
    return try RequestFields(.object(object), clientNames: chat.clientNames)
  }
}
