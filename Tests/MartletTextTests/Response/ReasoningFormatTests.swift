import Testing

@testable import MartletText

/// Every reasoning parser on an answer with its own tags, whole and cut at every place.
@Suite struct ReasoningFormatTests {
  private static let thought = "Hm, é 漢 < and </thin or <|mes."
  private static let formats = ReasoningFormat.names.compactMap { ReasoningFormat.named($0) }

  /// What a format makes of an answer that comes in the given pieces.
  private static func read(_ pieces: [String], _ format: ReasoningFormat) -> ParsedResponse {
    var options = ResponseParser.Options()
    options.reasoning = format
    var parser = ResponseParser(options), response = ParsedResponse()
    for delta in pieces.flatMap({ parser.append($0) }) + parser.finish() { response.append(delta) }
    return response
  }

  /// The whole, its characters, and each way to cut it in two.
  private static func cuts(_ text: String) -> [[String]] {
    let scalars = Array(text.unicodeScalars).map { String($0) }
    return [[text], scalars]
      + scalars.indices.map { [scalars[..<$0].joined(), scalars[$0...].joined()] }
  }

  @Test func everyParserSplitsAtItsTags() {
    var count = 0
    for format in Self.formats where format.kind == .tags {
      for (open, close) in zip(format.openTags, format.closeTags) {
        // A tag behind the reasoning is text.
        let answer = "Then é \(close) stays, \(open) too."
        for pieces in Self.cuts(open + Self.thought + close + answer) {
          let response = Self.read(pieces, format)
          #expect(response.reasoning == Self.thought, "\(format.name): \(pieces)")
          #expect(response.content == answer, "\(format.name): \(pieces)")
        }
        count += 1
      }
    }
    #expect(count > 25)
  }

  @Test func anAnswerWithoutTagsIsContentUnlessItsModelAlwaysReasons() {
    for format in Self.formats where format.kind == .tags {
      for pieces in Self.cuts("No tags, é.") {
        let response = Self.read(pieces, format)
        #expect((format.isForced ? response.reasoning : response.content) == "No tags, é.", "\(format.name)")
        #expect((format.isForced ? response.content : response.reasoning).isEmpty, "\(format.name)")
      }
    }
  }

  @Test func callsEndTheReasoningWhereTheFormatSaysSo() {
    var count = 0
    for format in Self.formats where format.kind == .tags {
      for interrupter in format.interrupters {
        for pieces in Self.cuts(format.openTags[0] + Self.thought + interrupter + "x") {
          let response = Self.read(pieces, format)
          #expect(response.reasoning == Self.thought, "\(format.name): \(pieces)")
          #expect(response.content == interrupter + "x", "\(format.name): \(pieces)")
        }
        count += 1
      }
    }
    #expect(count > 5)
  }

  @Test func appendedReasoningStaysInTheContent() {
    var count = 0
    for format in Self.formats where format.kind == .appended {
      for pieces in Self.cuts(Self.thought + format.closeTags[0] + "Then.") {
        let response = Self.read(pieces, format)
        #expect(response.content == format.openTags[0] + Self.thought + format.closeTags[0] + "Then.")
        #expect(response.reasoning.isEmpty)
      }
      count += 1
    }
    #expect(count > 0)
  }
}
