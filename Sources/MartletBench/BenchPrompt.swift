/// One request of a load.
package struct BenchPrompt: Sendable {
  package enum Content: Sendable {
    case text(String)
    case tokens([Int32])
  }

  package var content: Content
  package var inputLength: Int
  package var outputLength: Int

  package init(content: Content, inputLength: Int, outputLength: Int) {
    self.content = content
    self.inputLength = inputLength
    self.outputLength = outputLength
  }
}
