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

  @Test func measure() throws {
    let corpus = try ResponseCorpus()
    var worst: [String: (Int, String)] = [:]
    for item in corpus.cases {
      let options = try #require(corpus.options(item))
      var parser = ResponseParser(options), early = Fields(), final = Fields(), given = ""
      final.append(ResponseParser(options).deltas(item.text))
      for scalar in item.text.unicodeScalars {
        early.append(parser.append(String(scalar)))
        given.unicodeScalars.append(scalar)
        var ended = parser, now = early
        now.append(ended.finish())
        var found = [
          ("content", Self.held(early.content, now.content, final.content)),
          ("reasoning", Self.held(early.reasoning, now.reasoning, final.reasoning)),
        ]
        for index in early.arguments.indices {
          found.append(("arguments", Self.held(early.arguments[index], now.arguments[index], final.arguments[index])))
        }
        for (kind, count) in found {
          let key = "\(options.tools?.name ?? "-") \(options.reasoning.map { "\($0.name)" } ?? "-") \(kind)"
          if count > worst[key]?.0 ?? -1 { worst[key] = (count, "\(item.name) @ \(given.suffix(60).debugDescription)") }
        }
      }
    }
    for (key, value) in worst.sorted(by: { $0.value.0 > $1.value.0 }) { print("HELD", value.0, key, value.1) }
  }
}

extension ResponseParser {
  fileprivate func deltas(_ text: String) -> [ResponseDelta] {
    var parser = self
    return parser.append(text) + parser.finish()
  }
}
