/// Grammars in text: GBNF and XGrammar's EBNF (`name ::= ...`), or a subset of Lark's (`name: ...`).
enum GrammarText {
  /// The root node: the rule `root`, or `start` in Lark's notation.
  static func compile(
    _ text: String, _ graph: inout GrammarGraph, budget: GrammarBudget
  ) throws(GrammarError) -> GrammarNodeID {
    let isLark = !text.contains("::=")
    var lexer = GrammarTextLexer(text, isLark: isLark)
    let tokens = try lexer.tokens()
    var parser = GrammarTextParser(tokens, isLark: isLark, budget: budget)
    try parser.parse(&graph)
    return try parser.root(&graph)
  }
}
