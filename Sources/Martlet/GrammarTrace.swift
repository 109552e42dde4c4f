import MartletCore
import MartletText

/// What enforcing a form of output on given texts costs.
public struct GrammarTrace: Sendable {
  public let compileTime: Duration
  /// Of the first mask alone.
  public let firstMaskTime: Duration
  /// One for each place of each text, in their order, the first mask included.
  public let maskTimes: [Duration]
  /// For each text, whether it is one of the form's.
  public let accepted: [Bool]

  /// Makes the mask before every token, and takes the token.
  /// - Parameter texts: tokens of each text.
  init(_ form: OutputForm, vocabulary: GrammarVocabulary, texts: [[Int32]]) throws(MartletError) {
    let clock = ContinuousClock()
    let start = clock.now
    let grammar: CompiledGrammar
    do {
      grammar = try GrammarCompiler(vocabulary: vocabulary).compile(form.source())
    } catch { throw MartletError(.request, error.message) }
    compileTime = clock.now - start
    let first = clock.now
    _ = GrammarMatcher(grammar).mask()
    firstMaskTime = clock.now - first
    var times = [firstMaskTime]
    var accepted: [Bool] = []
    for tokens in texts {
      var matcher = GrammarMatcher(grammar)
      var isTaken = true
      for token in tokens where isTaken {
        let start = clock.now
        let mask = matcher.mask()
        times.append(clock.now - start)
        isTaken = Self.contains(mask, token) && matcher.advance(TokenID(token))
      }
      accepted.append(isTaken && matcher.accepts)
    }
    maskTimes = times
    self.accepted = accepted
  }

  private static func contains(_ mask: [UInt32], _ token: Int32) -> Bool {
    guard token >= 0, Int(token >> 5) < mask.count else { return false }
    return mask[Int(token >> 5)] >> UInt32(token & 31) & 1 == 1
  }
}
