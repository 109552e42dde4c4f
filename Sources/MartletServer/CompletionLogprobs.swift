import MartletCore
import MartletText

/// The `logprobs` object of a text completion.
struct CompletionLogprobs {
  private var tokens: [JSONValue] = []
  private var values: [JSONValue] = []
  private var tops: [JSONValue] = []
  private var offsets: [JSONValue] = []
  private var offset: Int
  private let tokenizer: Tokenizer

  /// - Parameter offset: characters of the choice's text in front.
  init(tokenizer: Tokenizer, offset: Int = 0) {
    self.tokenizer = tokenizer
    self.offset = offset
  }

  mutating func append(_ token: TokenID, logprob: Float?, top: [TokenLogprobs.Alternative]) {
    let text = String(decoding: tokenizer.bytes(of: token), as: UTF8.self)
    tokens.append(.string(text))
    values.append(logprob.map { .double(Double($0)) } ?? .null)
    var best = JSONObject()
    for alternative in top {
      best[String(decoding: tokenizer.bytes(of: alternative.token), as: UTF8.self)] = .double(
        Double(alternative.logprob))
    }
    tops.append(logprob == nil ? .null : .object(best))
    offsets.append(.int(Int64(offset)))
    offset += text.unicodeScalars.count
  }

  mutating func append(_ logprobs: TokenLogprobs) {
    append(logprobs.token, logprob: logprobs.logprob, top: logprobs.top)
  }

  var json: JSONValue {
    [
      "tokens": .array(tokens), "token_logprobs": .array(values), "top_logprobs": .array(tops),
      "text_offset": .array(offsets),
    ]
  }
}
