import MartletCore
import Testing

@testable import MartletText

/// Every format over the corpus: what is read from whole answers, and that it does not depend on how they arrive.
@Suite struct ResponseParserTests {
  /// Deltas of an answer that arrives in the given pieces.
  private static func deltas(_ pieces: [String], _ options: ResponseParser.Options) -> [ResponseDelta] {
    var parser = ResponseParser(options), deltas: [ResponseDelta] = []
    for piece in pieces { deltas += parser.append(piece) }
    return deltas + parser.finish()
  }

  private static func response(_ deltas: [ResponseDelta]) -> ParsedResponse {
    var response = ParsedResponse()
    for delta in deltas { response.append(delta) }
    return response
  }

  /// Byte for byte: Swift's own equality takes canonically equivalent texts for the same.
  private static func bytes(_ response: ParsedResponse) -> [[UInt8]] {
    [Array(response.content.utf8), Array(response.reasoning.utf8)]
      + response.calls.flatMap { [Array($0.name.utf8), Array(($0.id ?? "").utf8), Array($0.arguments.utf8)] }
  }

  private static func pieces(_ scalars: [Unicode.Scalar], cuts: [Int]) -> [String] {
    let bounds = [0] + cuts.sorted() + [scalars.count]
    return zip(bounds, bounds.dropFirst()).map { start, end in
      var piece = String.UnicodeScalarView()
      piece.append(contentsOf: scalars[start..<end])
      return String(piece)
    }
  }

  @Test func wholeAnswersAreReadAsWritten() throws {
    let corpus = try ResponseCorpus()
    #expect(corpus.cases.count > 500)
    for item in corpus.cases {
      let options = try #require(corpus.options(item), "\(item.name)")
      let response = ResponseParser.parse(item.text, options)
      #expect(
        response.content.utf8.elementsEqual(item.content.utf8), "\(item.name): \(response.content.debugDescription)")
      #expect(
        response.reasoning.utf8.elementsEqual(item.reasoning.utf8),
        "\(item.name): \(response.reasoning.debugDescription)")
      #expect(response.calls.map(\.name) == item.calls.compactMap { $0["name"]?.stringValue }, "\(item.name)")
      for (call, wanted) in zip(response.calls, item.calls) {
        if let id = wanted["id"]?.stringValue { #expect(call.id == id, "\(item.name)") }
        if let text = wanted["arguments_text"]?.stringValue {
          #expect(call.arguments == text, "\(item.name)")
        } else {
          #expect((try? JSONValue(parsing: call.arguments)) == wanted["arguments"], "\(item.name): \(call.arguments)")
        }
      }
    }
  }

  /// Calls are what SGLang's parsers make of the same text, where they read it: they drop calls without parameters and
  /// values with `<` in step3's format, and Python lists with negative numbers.
  @Test func callsAreThoseOfTheReference() throws {
    let corpus = try ResponseCorpus()
    var compared = 0
    for item in corpus.cases {
      guard let reference = item.json["reference"]?.arrayValue, let options = corpus.options(item) else { continue }
      let isKnownLoss =
        ["step3 no arguments", "step3 parallel calls", "step3 code"].contains(item.name)
        || item.name.hasPrefix("pythonic") && item.text.contains("-12.5")
      let calls = ResponseParser.parse(item.text, options).calls.map { call -> JSONValue in
        ["name": .string(call.name), "arguments": (try? JSONValue(parsing: call.arguments)) ?? .null]
      }
      if isKnownLoss {
        #expect(calls != reference, "\(item.name) is read by the reference now")
      } else {
        #expect(calls == reference, "\(item.name)")
        compared += 1
      }
    }
    #expect(compared > 180)
  }

  @Test func piecesDoNotMatter() throws {
    let corpus = try ResponseCorpus()
    var random = SplitMix64(seed: 7)
    for item in corpus.cases {
      let options = try #require(corpus.options(item))
      let scalars = Array(item.text.unicodeScalars)
      let whole = Self.bytes(Self.response(Self.deltas([item.text], options)))
      var splits = (0...scalars.count).map { [$0] }
      splits.append(Array(0..<scalars.count))
      for _ in 0..<20 {
        splits.append((0..<Int(random.next() % 12)).map { _ in Int(random.next() % UInt64(scalars.count + 1)) })
      }
      for cuts in splits {
        let parts = Self.bytes(Self.response(Self.deltas(Self.pieces(scalars, cuts: cuts), options)))
        guard parts != whole else { continue }
        Issue.record("\(item.name) cut at \(cuts): \(parts.map { String(decoding: $0, as: UTF8.self) })")
        break
      }
    }
  }

  /// Calls are announced once, in order, in front of their arguments, and no delta is empty.
  @Test func deltasAreInOrder() throws {
    let corpus = try ResponseCorpus()
    for item in corpus.cases {
      let options = try #require(corpus.options(item))
      var begun = 0
      for delta in Self.deltas(item.text.map { String($0) }, options) {
        switch delta {
        case .content(let text), .reasoning(let text): #expect(!text.isEmpty, "\(item.name)")
        case .call(let index, _, let name):
          #expect(index == begun && !name.isEmpty, "\(item.name)")
          begun += 1
        case .arguments(let index, let text): #expect(index == begun - 1 && !text.isEmpty, "\(item.name)")
        }
      }
    }
  }

  /// Arguments come while the model writes them.
  @Test func argumentsAreNotHeldBack() throws {
    let corpus = try ResponseCorpus()
    var options = ResponseParser.Options()
    options.declarations = ToolDeclarations(corpus.tools)
    let starts = [
      "qwen25": "<tool_call>\n{\"name\": \"write_file\", \"arguments\": {\"content\": \"",
      "qwen3_coder": "<tool_call>\n<function=write_file>\n<parameter=content>\n",
      "mistral": "[TOOL_CALLS]write_file[ARGS]{\"content\": \"", "pythonic": "[write_file(content=\"",
      "glm45": "<tool_call>write_file\n<arg_key>content</arg_key>\n<arg_value>",
      "gemma4": "<|tool_call>call:write_file{content:<|\"|>",
      "gpt-oss": "<|channel|>commentary to=functions.write_file<|message|>{\"content\": \"",
    ]
    for (name, start) in starts {
      options.tools = ToolFormat.named(name)
      var parser = ResponseParser(options)
      let first = Self.response(parser.append(start))
      #expect(first.calls.map(\.name) == ["write_file"], "\(name)")
      for word in ["one ", "two ", "three "] {
        #expect(parser.append(word) == [.arguments(index: 0, word)], "\(name)")
      }
    }
  }
}
