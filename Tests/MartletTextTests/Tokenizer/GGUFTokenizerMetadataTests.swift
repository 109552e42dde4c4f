import Foundation
import MartletCore
import Testing

@testable import MartletText

/// A tokenizer.json in GGUF's terms gives the same ids, as far as GGUF has words for it.
@Suite struct GGUFTokenizerMetadataTests {
  private static func golden(_ name: String) throws -> (description: TokenizerDescription, texts: [String]) {
    let file = try #require(Bundle.module.url(forResource: "Goldens/tokenizer-json/\(name)", withExtension: "json"))
    let golden = try JSONValue(parsing: Array(Data(contentsOf: file)))
    let json = try #require(golden["tokenizer"])
    let texts = (golden["cases"]?.arrayValue ?? []).compactMap { $0.arrayValue?.first?.stringValue }
    return (try TokenizerDescription(tokenizerJSON: json.serialized(), configurationJSON: nil), texts)
  }

  @Test(arguments: ["gpt2", "llama3", "smollm", "gemma", "llama2"])
  func idsSurviveTheConversion(name: String) throws {
    var (description, texts) = try Self.golden(name)
    description.added = description.added.map {
      TokenizerDescription.AddedToken(id: $0.id, content: $0.content, special: $0.special)
    }
    let size = description.tokens.count + 50
    let metadata = try GGUFTokenizerMetadata(description, vocabularySize: size)
    #expect(metadata.tokens.count == size)
    #expect(metadata.tokenTypes.count == size)
    let before = try Tokenizer(description), after = try Tokenizer(TokenizerDescription(gguf: metadata))
    #expect(texts.count > 50)
    for text in texts {
      let expected = before.encode(text, addSpecialTokens: false)
      #expect(after.encode(text, addSpecialTokens: false) == expected, "\(text.debugDescription)")
    }
  }

  @Test(arguments: ["unigram-map", "metaspace-first", "falcon"])
  func whatGGUFCannotExpressIsRefused(name: String) throws {
    let description = try Self.golden(name).description
    #expect(throws: TokenizerError.self) { try GGUFTokenizerMetadata(description, vocabularySize: 0) }
  }
}
