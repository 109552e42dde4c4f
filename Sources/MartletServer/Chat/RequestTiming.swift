import Hummingbird
import MartletCore
import MartletText

/// Where a request's time went. The phases sum up to the time from its head to its last token.
struct RequestTiming: Sendable {
  private let start = ContinuousClock.now
  /// Whether the request's header `Martlet-Timing` asks for it.
  private let isAsked: Bool

  /// Begins when the request's head has come.
  init(_ request: Request) {
    isAsked = HTTPFields.Element.Name("Martlet-Timing").flatMap { request.headers[$0] }?.lowercased() == "true"
  }

  /// `timing` where the client wants to know: by the field, or else by the header.
  static func wanted(_ timing: RequestTiming?, by fields: RequestFields) throws(InvalidField) -> RequestTiming? {
    try fields.bool("timing") ?? timing?.isAsked ?? false ? timing : nil
  }

  /// - Parameter admitted: when the engine took the request; its own times begin there.
  func json(_ choice: Choice, admitted: ContinuousClock.Instant) -> JSONValue {
    let usage = choice.assembler.usage, tokens = choice.assembler.tokens.count
    let prepare = Double((admitted - start) / .nanoseconds(1)) / 1e6
    let queue = Double(usage.queueNanoseconds) / 1e6, total = Double(usage.totalNanoseconds) / 1e6
    let first = tokens > 0 ? Double(usage.firstTokenNanoseconds) / 1e6 : total
    let decode = total - first
    return [
      "prepare_ms": .double(prepare), "queue_ms": .double(queue), "prefill_ms": .double(first - queue),
      "decode_ms": .double(decode), "total_ms": .double(prepare + total),
      "prompt_tokens": .int(Int64(choice.prompt.count)), "cached_tokens": .int(Int64(usage.cachedTokens)),
      "tokens_per_second": tokens > 1 && decode > 0 ? .double(Double(tokens - 1) / decode * 1000) : .null,
    ]
  }
}
