import MartletCore
import MartletText

/// What compiling a form of output for a vocabulary costs, and what it lets through.
public struct GrammarCheck: Sendable {
  public let compileTime: Duration
  /// From the grammar's text to the first mask.
  public let firstMaskTime: Duration
  /// One for each token of the samples, ascending.
  public let maskTimes: [Duration]
  /// Texts from random walks under the masks; one to whose end no short way was found is not here.
  public let samples: [String]
  public let byteCount: Int

  /// Compiles `form` and walks it `walks` times with random tokens, without white space that has no meaning.
  init(_ form: OutputForm, vocabulary: GrammarVocabulary, walks: Int, seed: UInt64) throws(MartletError) {
    let clock = ContinuousClock()
    let start = clock.now
    let grammar: CompiledGrammar, walked: CompiledGrammar
    do {
      grammar = try GrammarCompiler(vocabulary: vocabulary).compile(form.source())
    } catch { throw MartletError(.request, error.message) }
    compileTime = clock.now - start
    _ = GrammarMatcher(grammar).mask()
    firstMaskTime = clock.now - start
    do {
      walked = try GrammarCompiler(vocabulary: vocabulary).compile(form.source(whitespace: .separators))
    } catch { throw MartletError(.request, error.message) }
    var times: [Duration] = []
    var samples: [String] = []
    var random = SplitMix64(seed: seed)
    for _ in 0..<walks {
      if let text = Self.walk(walked, &random, &times) { samples.append(text) }
    }
    maskTimes = times.sorted()
    self.samples = samples
    byteCount = grammar.currentByteCount
  }

  /// Tokens of a walk before it takes the shortest way to the end.
  private static let longest = 64
  /// More tokens than this stand for free text.
  private static let freeChoice = 32

  /// Of the tokens of free text those that people read; or, where the text is long enough, those that end a string.
  private static func readable(_ tokens: [Int32], _ vocabulary: GrammarVocabulary, isLong: Bool) -> [Int32] {
    if isLong {
      let ends = tokens.filter { vocabulary.spelling(of: TokenID($0)).first == UInt8(ascii: "\"") }
      if !ends.isEmpty { return ends }
    }
    let plain = tokens.filter { token in
      let text = vocabulary.spelling(of: TokenID(token))
      return !text.isEmpty && text.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x20 }
    }
    return plain.isEmpty ? tokens : plain
  }

  private static func walk(
    _ grammar: CompiledGrammar, _ random: inout SplitMix64, _ times: inout [Duration]
  ) -> String? {
    let clock = ContinuousClock()
    var matcher = GrammarMatcher(grammar)
    var text: [UInt8] = []
    for length in 0..<longest {
      let start = clock.now
      let mask = matcher.mask()
      times.append(clock.now - start)
      let accepts = matcher.accepts
      var tokens: [Int32] = []
      for (word, bits) in mask.enumerated() where bits != 0 {
        for bit in 0..<32 where bits >> UInt32(bit) & 1 == 1 { tokens.append(Int32(word * 32 + bit)) }
      }
      if accepts, tokens.isEmpty || length > 24 || random.next() % 4 == 0 {
        return String(decoding: text, as: UTF8.self)
      }
      guard !tokens.isEmpty else { return nil }
      let choice =
        tokens.count > freeChoice ? readable(tokens, grammar.vocabulary, isLong: random.next() % 4 == 0) : tokens
      let token = TokenID(choice[Int(random.next() % UInt64(choice.count))])
      guard matcher.advance(token) else { return nil }
      text += grammar.vocabulary.spelling(of: token)
    }
    return matcher.shortestCompletion().map { String(decoding: text + $0, as: UTF8.self) }
  }
}
