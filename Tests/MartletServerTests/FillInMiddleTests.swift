import MartletCore
import MartletText
import Testing

@testable import MartletServer
@testable import MartletText

/// Prompts for the text between two others.
@Suite struct FillInMiddleTests {
  /// Bytes, and the marks of a family from 256 on.
  private static func model(_ marks: [String], addsSpace: Bool = false) throws -> ServedModel {
    var tokens = TokenList()
    for byte in UInt8.min...UInt8.max { tokens.append(String(ByteAlphabet.scalars[Int(byte)]).utf8) }
    for mark in marks { tokens.append(mark.utf8) }
    var description = TokenizerDescription(
      model: .byteLevelBPE(merges: MergeList(), ignoreMerges: false), tokens: tokens)
    description.added = marks.enumerated().map { .init(id: Int32(256 + $0.offset), content: $0.element, special: true) }
    if addsSpace {
      description.normalizers = [.prepended([0x20])]
      description.leadingSpace = .oneDropped
    }
    return ServedModel(
      name: "m", path: "/m", created: 1, tokenizer: try Tokenizer(description), template: nil,
      generator: ScriptedGenerator(text: "x"), architecture: "llama")
  }

  @Test(arguments: [
    ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>"],
    ["<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<file_sep>"],
    ["<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>", "<|endoftext|>"], ["▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"],
  ])
  func eachFamilyHasItsForm(marks: [String]) throws {
    let prompt = try FillInMiddle.prompt("a\(marks[1])", suffix: "b", model: Self.model(marks))
    let expected: [Int32] = [256, 97] + marks[1].utf8.map { Int32($0) } + [257, 98, 258]
    #expect(prompt.tokens.map(\.rawValue) == expected)
    #expect(prompt.ends.map(\.rawValue) == [256, 257, 258, 259])
  }

  @Test func codestralWritesBehindThePrefix() throws {
    let prompt = try FillInMiddle.prompt("a", suffix: "b[PREFIX]", model: Self.model(["[SUFFIX]", "[PREFIX]"]))
    let spelled = "[PREFIX]".utf8.map { Int32($0) }
    #expect(prompt.tokens.map(\.rawValue) == [256, 98] + spelled + [257, 97])
    #expect(prompt.ends.map(\.rawValue) == [256, 257])
  }

  /// As mistral-common and CodeLlama's tokenizer do it: the prefix begins a text, the suffix does not.
  @Test func theSuffixGetsNoSpaceInFront() throws {
    let model = try Self.model(["▁<PRE>", "▁<SUF>", "▁<MID>"], addsSpace: true)
    #expect(
      try FillInMiddle.prompt("a", suffix: "b", model: model).tokens.map(\.rawValue) == [256, 32, 97, 257, 98, 258])
  }

  @Test func otherModelsRefuseASuffix() async throws {
    let server = try TestServer(ScriptedGenerator(text: "x"))
    for (path, body) in [
      ("/v1/completions", ["prompt": "a", "suffix": "b"] as JSONValue),
      ("/api/generate", ["prompt": "a", "suffix": "b", "stream": false]),
    ] {
      let reply = try await server.send(path, body)
      #expect(reply.status == 400 && reply.text.contains("suffix needs a model with fill-in-the-middle tokens"))
    }
    #expect(try await server.send("/v1/completions", ["prompt": "a", "suffix": "", "max_tokens": 1]).status == 200)
  }
}
