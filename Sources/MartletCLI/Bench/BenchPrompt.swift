/// One request of a load.
struct BenchPrompt: Sendable {
  enum Content: Sendable {
    case text(String)
    case tokens([Int32])
  }

  var content: Content
  var inputLength: Int
  var outputLength: Int
}
