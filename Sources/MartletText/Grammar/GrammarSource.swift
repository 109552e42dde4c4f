/// What a client asks for, before it is compiled.
package indirect enum GrammarSource: Sendable, Hashable {
  /// A JSON Schema's text, and the white space of its instances.
  case jsonSchema(String, JSONWhitespace)
  /// A regular expression that matches the whole text.
  case regex(String)
  /// GBNF or XGrammar's EBNF, with a rule `root`; or Lark's notation, with a rule `start`.
  case grammar(String)
  /// One of the texts.
  case choice([String])
  /// JSON of `response_format` `structural_tag`, in either of its forms.
  case structuralTag(String)
  /// The text, or thinking between two tags and then the text.
  case behindThinking(GrammarSource, open: String, close: String)

  /// The text as gpt-oss's answer, behind its header and messages of reasoning.
  case inFinalChannel(GrammarSource)

  /// Bytes, for the caches.
  package var byteCount: Int {
    switch self {
    case .jsonSchema(let text, _), .regex(let text), .grammar(let text), .structuralTag(let text): text.utf8.count
    case .behindThinking(let source, let open, let close): source.byteCount + open.utf8.count + close.utf8.count
    case .inFinalChannel(let source): source.byteCount
    case .choice(let texts): texts.reduce(0) { $0 + $1.utf8.count + 16 }
    }
  }
}

extension GrammarSource {
  /// Whether a schema in it leaves the white space to the model.
  var leavesWhitespaceFree: Bool {
    switch self {
    case .jsonSchema(_, let whitespace): whitespace == .any
    case .structuralTag: true
    case .behindThinking(let source, _, _), .inFinalChannel(let source): source.leavesWhitespaceFree
    case .regex, .grammar, .choice: false
    }
  }

  /// Whether a schema in it may have string formats.
  var mentionsFormat: Bool {
    switch self {
    case .jsonSchema(let text, _), .structuralTag(let text): Self.mentionsFormat(text)
    case .behindThinking(let source, _, _), .inFinalChannel(let source): source.mentionsFormat
    case .regex, .grammar, .choice: false
    }
  }

  private static func mentionsFormat(_ text: String) -> Bool {
    let word = Array("\"format\"".utf8)
    var matched = 0
    // A quote begins the word anew wherever it is not the next byte.
    for byte in text.utf8 {
      matched = byte == word[matched] ? matched + 1 : byte == word[0] ? 1 : 0
      if matched == word.count { return true }
    }
    return false
  }
}
