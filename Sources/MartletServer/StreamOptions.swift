import MartletCore

/// How a streamed answer is wanted; nil when it is wanted whole.
struct StreamOptions: Sendable {
  let includeUsage: Bool
  let continuousUsage: Bool

  init?(_ fields: RequestFields) throws(InvalidField) {
    let options = try fields.fields("stream_options")
    guard try fields.bool("stream") ?? false else {
      guard options == nil else { throw InvalidField(field: "stream_options", reason: "needs stream to be true") }
      return nil
    }
    includeUsage = try options?.bool("include_usage") ?? false
    continuousUsage = try options?.bool("continuous_usage_stats") ?? false
  }
}
