import Foundation
import MartletText
import Testing

/// Prints loading and encoding times of the vocabularies in the folder MARTLET_BENCH_VOCABULARIES, over the text file
/// MARTLET_BENCH_TEXT.
@Suite struct TokenizerSpeedTests {
  @Test(.enabled(if: ProcessInfo.processInfo.environment["MARTLET_BENCH_TEXT"] != nil))
  func timesAreMeasured() throws {
    let environment = ProcessInfo.processInfo.environment
    let folder = URL(fileURLWithPath: environment["MARTLET_BENCH_VOCABULARIES"] ?? "")
    let path = URL(fileURLWithPath: environment["MARTLET_BENCH_TEXT"] ?? "")
    let text = String(decoding: try Data(contentsOf: path), as: UTF8.self)
    let clock = ContinuousClock()
    for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
      let json = Array(try Data(contentsOf: file))
      var tokenizer: Tokenizer?
      let load = try clock.measure {
        tokenizer = try Tokenizer(TokenizerDescription(tokenizerJSON: json, configurationJSON: nil))
      }
      var count = 0
      var best = Duration.seconds(1000)
      for _ in 0..<3 {
        best = min(best, clock.measure { count = tokenizer?.encode(text, addSpecialTokens: false).count ?? 0 })
      }
      print(file.lastPathComponent, json.count, "bytes, load", load, "encode", text.utf8.count, "bytes", count, best)
    }
  }
}
