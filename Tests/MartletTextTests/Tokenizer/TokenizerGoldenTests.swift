import Foundation
import MartletCore
import MartletText
import Testing

/// Small vocabularies trained by the reference implementation, with its ids for multilingual texts and every adjacency of
/// special tokens (`scripts/goldens/tokenizers_goldens.py`). MARTLET_TEST_ASSETS names a folder of larger ones.
@Suite struct TokenizerGoldenTests {
  private struct Golden: Decodable {
    struct Case: Decodable {
      let text: String
      let ids: [Int32]
    }
    let model: String?
    let pre: String
    let tokens: [String]
    let types: [Int32]
    let merges: [String]
    let scores: [Float]?
    let addsSpacePrefix: Bool?
    let cases: [Case]
  }

  private static var files: [URL] {
    var folders = [Bundle.module.resourceURL?.appendingPathComponent("Goldens/tokenizers")].compactMap { $0 }
    if let more = ProcessInfo.processInfo.environment["MARTLET_TEST_ASSETS"] {
      folders.append(URL(fileURLWithPath: more))
    }
    return folders.flatMap { folder in
      ((try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? [])
        .filter { $0.pathExtension == "json" && !$0.lastPathComponent.hasPrefix("chat-") }
    }
  }

  @Test func thereAreGoldens() { #expect(Self.files.count >= 3) }

  @Test(arguments: files) func idsEqualThoseOfTheReference(file: URL) throws {
    let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
    var metadata = GGUFTokenizerMetadata()
    metadata.model = golden.model ?? "gpt2"
    metadata.scores = golden.scores ?? []
    metadata.addsSpacePrefix = golden.addsSpacePrefix
    metadata.preTokenizer = golden.pre
    for token in golden.tokens { metadata.tokens.append(token.utf8) }
    metadata.tokenTypes = golden.types
    var merges = TokenList()
    for merge in golden.merges { merges.append(merge.utf8) }
    metadata.merges = merges
    let tokenizer = try Tokenizer(TokenizerDescription(gguf: metadata))
    for item in golden.cases {
      let ids = tokenizer.encode(item.text, addSpecialTokens: false)
      #expect(ids.map(\.rawValue) == item.ids, "\(item.text.debugDescription)")
      guard golden.model == nil else { continue }
      #expect(tokenizer.decode(ids, skipSpecialTokens: false) == item.text)
      var detokenizer = IncrementalDetokenizer(tokenizer: tokenizer, skipSpecialTokens: false)
      var joined = ids.map { detokenizer.append($0) }.joined()
      joined += detokenizer.finish()
      #expect(joined == item.text)
    }
  }
}
