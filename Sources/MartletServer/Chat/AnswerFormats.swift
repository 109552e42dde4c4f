import MartletCore
package import MartletText

/// How the served model writes reasoning and calls.
package struct AnswerFormats: Sendable {
  package let tools: ToolFormat?
  package let reasoning: ReasoningFormat?
  /// Special tokens that stay in the text, so that the formats can be read.
  let toolTokens: Set<TokenID>
  let reasoningTokens: Set<TokenID>

  package init(tools: ToolFormat? = nil, reasoning: ReasoningFormat? = nil, tokenizer: Tokenizer? = nil) {
    self.tools = tools
    self.reasoning = reasoning
    toolTokens = tokenizer?.specialTokens(within: tools?.markers ?? []) ?? []
    reasoningTokens = tokenizer?.specialTokens(within: reasoning?.markers ?? []) ?? []
  }
}
