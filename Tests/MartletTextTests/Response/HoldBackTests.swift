import Testing

@testable import MartletText

/// How much of what an answer says is kept back while it comes, over the corpus, a character at a time. What the answer
/// would say if it ended here, and says in the end, may be no further ahead of what was said than a delimiter is long.
@Suite struct HoldBackTests {
  private struct Fields {
    var content: [UInt8] = [], reasoning: [UInt8] = [], arguments: [[UInt8]] = []

    init() {}

    mutating func append(_ deltas: [ResponseDelta]) {
      for delta in deltas {
        switch delta {
        case .content(let text): content += text.utf8
        case .reasoning(let text): reasoning += text.utf8
        case .call: arguments.append([])
        case .arguments(let index, let text): arguments[index] += text.utf8
        }
      }
    }
  }

  /// The bytes that `early` lacks of what `now` and `final` agree on.
  private static func held(_ early: [UInt8], _ now: [UInt8], _ final: [UInt8]) -> Int {
    var common = 0
    while common < min(now.count, final.count), now[common] == final[common] { common += 1 }
    return common - early.count
  }

  /// The most that each field may be kept back.
  private struct Bounds {
    let content: Int
    let reasoning: Int
    let arguments: Int

    init(_ item: ResponseCorpus.Case, _ options: ResponseParser.Options) {
      let markers = options.tools?.markers ?? []
      let tags = markers + (options.reasoning.map { $0.openTags + $0.closeTags + $0.interrupters } ?? [])
      // Two line breaks may belong to a delimiter, too.
      let delimiter = (tags.map(\.utf8.count).max() ?? 0) + 2
      reasoning = delimiter
      // What begins like a call is undecided up to its name and the tags around it.
      let beginsLikeCall = markers.contains { item.content.contains($0) }
      content = beginsLikeCall ? markers.reduce(32) { $0 + $1.utf8.count } : delimiter
      // A list or an object in tags is a string after all if its JSON is faulty: its end decides.
      let isTagged = options.tools?.makeParser(.none) is XMLCallParser
      let structures = item.calls.flatMap { $0["arguments"]?.objectValue?.members.map(\.1) ?? [] }
        .filter { isTagged && ($0.arrayValue != nil || $0.objectValue != nil) }
      arguments = structures.reduce(delimiter) { max($0, $1.serializedText().utf8.count * 3 / 2) }
    }
  }

  @Test func nothingIsHeldBackLongerThanADelimiter() throws {
    let corpus = try ResponseCorpus()
    var most = 0
    for item in corpus.cases {
      let options = try #require(corpus.options(item))
      let bounds = Bounds(item, options)
      var parser = ResponseParser(options), early = Fields(), final = Fields(), given = ""
      final.append(ResponseParser(options).deltas(item.text))
      for scalar in item.text.unicodeScalars {
        early.append(parser.append(String(scalar)))
        given.unicodeScalars.append(scalar)
        var ended = parser, now = early
        now.append(ended.finish())
        var held = [
          ("content", Self.held(early.content, now.content, final.content), bounds.content),
          ("reasoning", Self.held(early.reasoning, now.reasoning, final.reasoning), bounds.reasoning),
        ]
        for (index, arguments) in early.arguments.enumerated() {
          let count = Self.held(arguments, now.arguments[index], final.arguments[index])
          held.append(("arguments", count, bounds.arguments))
        }
        for (field, count, bound) in held where count > bound {
          Issue.record("\(item.name): \(count) bytes of \(field) are held at \(given.suffix(60).debugDescription)")
        }
        most = held.reduce(most) { max($0, $1.1) }
      }
    }
    #expect(most > 10, "the measure sees what is held")
  }
}

extension ResponseParser {
  fileprivate func deltas(_ text: String) -> [ResponseDelta] {
    var parser = self
    return parser.append(text) + parser.finish()
  }
}
