import MartletCore
import MartletText

extension TokenLogprobs {
  private static func entry(_ token: TokenID, _ logprob: Float, _ tokenizer: Tokenizer) -> JSONObject {
    let bytes = tokenizer.bytes(of: token)
    return JSONObject([
      ("token", .string(String(decoding: bytes, as: UTF8.self))), ("bytes", .array(bytes.map { .int(Int64($0)) })),
      ("logprob", .double(Double(logprob))),
    ])
  }

  /// An entry of a chat choice's `logprobs.content`.
  func chatJSON(_ tokenizer: Tokenizer) -> JSONValue {
    var object = Self.entry(token, logprob, tokenizer)
    object["top_logprobs"] = .array(top.map { .object(Self.entry($0.token, $0.logprob, tokenizer)) })
    return .object(object)
  }

  /// `[logprob, id, text]` as `/generate` writes it.
  func nativeJSON(_ tokenizer: Tokenizer, withText: Bool) -> JSONValue {
    Self.native(token, logprob, tokenizer, withText)
  }

  func nativeTopJSON(_ tokenizer: Tokenizer, withText: Bool) -> JSONValue {
    .array(top.map { Self.native($0.token, $0.logprob, tokenizer, withText) })
  }

  func nativeSelectedJSON(_ tokenizer: Tokenizer, withText: Bool) -> JSONValue {
    .array(selected.map { Self.native($0.token, $0.logprob, tokenizer, withText) })
  }

  private static func native(_ token: TokenID, _ logprob: Float, _ tokenizer: Tokenizer, _ withText: Bool) -> JSONValue
  {
    [
      .double(Double(logprob)), .int(Int64(token.rawValue)),
      withText ? .string(String(decoding: tokenizer.bytes(of: token), as: UTF8.self)) : .null,
    ]
  }
}
