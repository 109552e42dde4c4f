import Foundation
import MartletCompute
import MartletCore
import MartletText
import Testing

@testable import Martlet
@testable import MartletModel

/// Real quantised files, as they are served, against their own values in float32. Needs the folder of
/// `scripts/fetch-model` in MARTLET_TEST_MODELS.
@Suite(.serialized) struct RealModelTests {
  private static let folder = ProcessInfo.processInfo.environment["MARTLET_TEST_MODELS"]

  private static func has(_ file: String) -> Bool {
    folder.map { FileManager.default.fileExists(atPath: $0 + "/" + file) } ?? false
  }

  @Test(.enabled(if: has("SmolLM2-135M-Instruct.Q4_1.gguf"), "the model is not in MARTLET_TEST_MODELS"))
  func smolLM2StaysNearFloat32() throws { try staysNearFloat32("SmolLM2-135M-Instruct.Q4_1.gguf") }

  @Test(.enabled(if: has("gemma-3-270m.Q4_K_M.gguf"), "the model is not in MARTLET_TEST_MODELS"))
  func gemma3StaysNearFloat32() throws { try staysNearFloat32("gemma-3-270m.Q4_K_M.gguf") }

  /// Mean divergence of the next-token distributions over 2,048 tokens of text.
  private func staysNearFloat32(_ file: String) throws {
    let path = try #require(Self.folder) + "/" + file
    let text = try #require(Bundle.module.url(forResource: "Goldens/text", withExtension: "txt"))
    let checkpoint = try Checkpoint(path: path)
    let tokenizer = try TokenizerFiles(checkpoint: checkpoint).tokenizer()
    let encoded = tokenizer.encode(try String(contentsOf: text, encoding: .utf8), addSpecialTokens: true)
    let tokens = encoded.prefix(2048).map(\.rawValue)
    try #require(tokens.count == 2048)
    let served = try LogitsProbe(checkpoint, cacheType: .f16, maxTokens: tokens.count)
    let exact = try LogitsProbe(try Checkpoint(path: path), dequantizes: true, maxTokens: tokens.count)
    var sum = 0.0
    for start in stride(from: 0, to: tokens.count, by: 64) {
      let slice = tokens[start..<min(start + 64, tokens.count)]
      let expected = try exact.logits(slice, start: start), values = try served.logits(slice, start: start)
      sum += Double(slice.count) * divergence(expected, values, vocabulary: served.vocabulary)
    }
    let mean = sum / Double(tokens.count)
    print("\(file): mean KL divergence \(mean) nats over \(tokens.count) tokens")
    #expect(mean < 2e-3)
  }
}
