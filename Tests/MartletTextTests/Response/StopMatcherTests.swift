import MartletText
import Testing

@Suite struct StopMatcherTests {
  private func feed(_ pieces: [String], _ stops: [String]) -> (text: String, match: String?) {
    var matcher = StopMatcher(stops)
    var text = ""
    for piece in pieces {
      switch matcher.append(piece) {
      case .text(let ready): text += ready
      case .stopped(let before, let match): return (text + before, match)
      }
    }
    return (text + matcher.finish(), nil)
  }

  @Test(arguments: ["one END two", "EEND", "no stop EN", "grüße 世界 <|x|> end", "aabaabaac"])
  func anyCutGivesTheSameText(text: String) {
    let stops = ["END", "<|x|>", "aabaac"]
    let whole = feed([text], stops)
    let scalars = text.unicodeScalars.map { String($0) }
    #expect(feed(scalars, stops) == whole)
    for cut in 0...scalars.count {
      let parts = [scalars[..<cut].joined(), scalars[cut...].joined()]
      #expect(feed(parts, stops) == whole)
    }
  }

  @Test func holdsBackNothingThatCannotBeAStop() {
    var matcher = StopMatcher(["END"])
    #expect(matcher.append("hello") == .text("hello"))
    #expect(matcher.append(" E") == .text(" "))
    #expect(matcher.append("x") == .text("Ex"))
  }

  @Test func theEarliestStopWins() {
    #expect(feed(["a b c"], ["c", "b"]) == ("a ", "b"))
  }
}
