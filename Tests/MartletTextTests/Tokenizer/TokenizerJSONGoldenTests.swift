import Foundation
import MartletCore
import Testing

@testable import MartletText

/// tokenizer.json files of the well-known families with small vocabularies, and what the reference implementation makes
/// of texts (`scripts/goldens/tokenizer_json_goldens.py`). MARTLET_TEST_TOKENIZER_JSON names a folder of larger ones.
@Suite struct TokenizerJSONGoldenTests {
  private static var files: [URL] {
    var folders = [Bundle.module.resourceURL?.appendingPathComponent("Goldens/tokenizer-json")].compactMap { $0 }
    if let more = ProcessInfo.processInfo.environment["MARTLET_TEST_TOKENIZER_JSON"] {
      folders.append(URL(fileURLWithPath: more))
    }
    return folders.flatMap { folder in
      ((try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? [])
        .filter { $0.pathExtension == "json" }
    }
  }

  @Test func thereAreGoldens() { #expect(Self.files.count >= 14) }

  @Test(arguments: files) func idsAndTextsEqualThoseOfTheReference(file: URL) throws {
    let golden = try JSONValue(parsing: Array(Data(contentsOf: file)))
    let json = try #require(golden["tokenizer"])
    let tokenizer = try Tokenizer(
      TokenizerDescription(tokenizerJSON: json.serialized(), configurationJSON: nil))
    for item in try #require(golden["cases"]?.arrayValue) {
      let fields = try #require(item.arrayValue)
      let text = try #require(fields[0].stringValue)
      let expected = fields[1].arrayValue?.compactMap(\.intValue) ?? []
      let ids = tokenizer.encode(text, addSpecialTokens: false)
      #expect(ids.map { Int($0.rawValue) } == expected, "\(text.debugDescription)")
      let around = tokenizer.encode(text, addSpecialTokens: true)
      #expect(around.map { Int($0.rawValue) } == fields[2].arrayValue?.compactMap(\.intValue))
      let given = expected.map { TokenID(Int32($0)) }
      for (skips, field) in [(false, 3), (true, 4)] {
        let whole = tokenizer.decode(given, skipSpecialTokens: skips)
        #expect(whole == fields[field].stringValue, "\(text.debugDescription)")
        var detokenizer = IncrementalDetokenizer(tokenizer: tokenizer, skipSpecialTokens: skips)
        #expect(given.map { detokenizer.append($0) }.joined() + detokenizer.finish() == whole)
      }
    }
  }

  @Test(arguments: [
    #"{"model":{"type":"WordPiece","vocab":{}}}"#, #"{"model":{"type":"BPE","vocab":{"a":0}}}"#, #"{"model":"#, "",
    "[]",
    #"{"model":{"type":"BPE","vocab":{"a":2000000000},"merges":[]}}"#,
    #"{"model":{"type":"BPE","vocab":{"a":99999999999999},"merges":[]}}"#,
    #"{"model":{"type":"BPE","vocab":{"a":0},"merges":["ab"]}}"#,
    #"{"model":{"type":"BPE","vocab":{"\ud800":0},"merges":[]}}"#,
    #"{"model":{"type":"Unigram","vocab":[["a",-1]],"unk_id":7}}"#,
    #"{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"normalizer":{"type":"BertNormalizer"}}"#,
    #"{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"pre_tokenizer":{"type":"Split","pattern":{"Regex":"("},"behavior":"Isolated"}}"#,
    #"{"model":{"type":"Unigram","vocab":[["a",-1]]},"normalizer":{"type":"Precompiled","precompiled_charsmap":"AAAAAA=="}}"#,
    #"{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"added_tokens":[{"id":16000000,"content":"x"}]}"#,
  ])
  func faultyFilesAreTypedErrors(json: String) {
    #expect(throws: TokenizerError.self) {
      try Tokenizer(TokenizerDescription(tokenizerJSON: Array(json.utf8), configurationJSON: nil))
    }
  }
}
