import Testing

@testable import MartletText

@Suite struct GrammarTextTests {
  private func expect(
    _ source: String, accepts: [String], rejects: [String], _ location: SourceLocation = #_sourceLocation
  ) throws {
    let grammar = try GrammarFixture.compile(.grammar(source))
    for text in accepts {
      #expect(GrammarFixture.matches(grammar, text.utf8), "\(text.debugDescription)", sourceLocation: location)
    }
    for text in rejects {
      #expect(!GrammarFixture.matches(grammar, text.utf8), "\(text.debugDescription)", sourceLocation: location)
    }
  }

  @Test func gbnf() throws {
    try expect(
      #"""
      # arithmetic
      root  ::= (expr "=" ws term "\n")+
      expr  ::= term ([-+*/] term)*
      term  ::= ident | num | "(" ws expr ")" ws
      ident ::= [a-z] [a-z0-9_]{0,3} ws
      num   ::= [0-9]+ ws
      ws    ::= [ \t\n]*
      """#,
      accepts: ["a+1=2\n", "(x*(1 +2))= y\nb=3\n", "abcd=1\n"], rejects: ["", "a+=1\n", "a=1", "abcde=1\n", "(a=1\n"])
    try expect(
      "root ::= \"a\" | [^\\]\"x] rest?\nrest ::= \"日\" .", accepts: ["a", "b", "z日q"], rejects: ["x", "]", "b日\n"])
  }

  @Test func leftRecursion() throws {
    let texts = ["1", "1+2", "1+2*3", "(1+2)*3", "((1))"]
    let wrong = ["", "+", "1+", "(1", "1)", "1**2"]
    try expect(
      "root ::= e\ne ::= e \"+\" t | t\nt ::= t \"*\" f | f\nf ::= \"(\" e \")\" | [0-9]+", accepts: texts,
      rejects: wrong)
    // Through another rule, and ambiguous.
    try expect(
      "root ::= a\na ::= b \"x\" | \"y\"\nb ::= a \"z\" | \"w\"", accepts: ["y", "wx", "yzx", "wxzx"],
      rejects: ["x", "yz"])
    try expect(
      "root ::= root root | \"a\"", accepts: ["a", "aaa", String(repeating: "a", count: 200)], rejects: ["", "b"])
  }

  @Test func lark() throws {
    try expect(
      #"""
      // a list of pairs
      start: pair ("," pair)* -> all
      ?pair.2: NAME "=" value
      value: INT | ESCAPED_STRING | "[" [value ("," value)*] "]"
           | "true"i
      NAME: /[a-z]+/ | "A".."C"
      %import common.INT
      %import common.ESCAPED_STRING
      """#,
      accepts: ["a=1", "b=[1,[2,\"x\"]],C=TRUE", "a=[]"], rejects: ["", "a=", "D=1", "a=1,", "a=[1"])
  }

  @Test(arguments: [
    "root ::= missing", "x ::= \"a\"", "root ::= \"a", "root ::= (\"a\"", "root ::= root \"a\"", "root ::= [a",
    "root ::= \"a\"{3,2}", "root ::= \"a\"\nroot ::= \"b\"", "start: %ignore", "start: \"a\"\n%ignore \" \"", "",
  ])
  func faultsAreErrors(text: String) {
    #expect(throws: GrammarError.self) { try GrammarFixture.compile(.grammar(text)) }
  }

  @Test func structuralTags() throws {
    let old = try GrammarFixture.compile(
      .structuralTag(
        #"{"type":"structural_tag","structures":[{"begin":"<f=a>","schema":{"type":"integer"},"end":"</f>"},"#
          + #"{"begin":"<f=b>","schema":{"type":"null"},"end":"</f>"}],"triggers":["<f="]}"#))
    for text in ["", "hello", "say <f=a>12</f> and <f=b>null</f>.", "< f"] {
      #expect(GrammarFixture.matches(old, text.utf8), "\(text)")
    }
    for text in ["<f=", "<f=c>1</f>", "<f=a>x</f>", "a <f=b>null"] {
      #expect(!GrammarFixture.matches(old, text.utf8), "\(text)")
    }
    let new = try GrammarFixture.compile(
      .structuralTag(
        #"{"type":"structural_tag","format":{"type":"sequence","elements":[{"type":"tag","begin":"<think>","content":"#
          + #"{"type":"any_text"},"end":"</think>"},{"type":"or","elements":[{"type":"const_string","value":"ok"},"#
          + #"{"type":"regex","pattern":"[0-9]+"}]}]}}"#))
    #expect(GrammarFixture.matches(new, "<think>a < b</think>ok".utf8))
    #expect(GrammarFixture.matches(new, "<think></think>42".utf8))
    #expect(!GrammarFixture.matches(new, "<think>a</think>b</think>ok".utf8))
    #expect(!GrammarFixture.matches(new, "ok".utf8))
  }

  @Test func specialTokensStandForTheirNames() throws {
    let tag =
      #"{"format":{"type":"tag","begin":"<tool>","content":{"type":"const_string","value":"x"},"end":"</tool>"}}"#
    let grammar = try GrammarFixture.compile(.structuralTag(tag), GrammarFixture.pieces)
    let mask = TokenMask(words: GrammarMatcher(grammar).mask())
    #expect(mask.contains(Int32(GrammarFixture.pieces.vocabularySize - 1)))
    #expect(mask.contains(Int32(UInt8(ascii: "<"))))
  }
}
