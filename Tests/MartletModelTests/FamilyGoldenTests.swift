import Foundation
import MartletCompute
import Testing

@testable import MartletModel

/// Tiny random models against the logits that Hugging Face transformers computes in float32; made by
/// `scripts/goldens/families_goldens.py`.
@Suite struct FamilyGoldenTests {
  private struct Golden: Decodable {
    let prompt: [Int32]
    let generated: [Int32]
    let prefill: Data
    let decode: Data
  }

  /// Little-endian float32 values.
  static func floats(_ data: Data) -> [Float] {
    (0..<data.count / 4).map { index in
      Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(data[4 * index + $1]) << (8 * UInt32($1)) })
    }
  }

  static let families = [
    "llama", "llama-3-scaling", "llama-linear", "mistral-window", "qwen2-yarn", "qwen2-window", "qwen3", "gemma3",
    "gemma3-pattern",
  ]

  /// Largest difference of a row, relative to the row's largest value; the worst row.
  private static func error(_ values: [Float], _ expected: ArraySlice<Float>, vocabulary: Int) -> Float {
    var worst: Float = 0
    for row in 0..<values.count / vocabulary {
      let range = row * vocabulary..<(row + 1) * vocabulary
      let difference = range.map { abs(values[$0] - expected[expected.startIndex + $0]) }.max() ?? 0
      let size = range.map { abs(expected[expected.startIndex + $0]) }.max() ?? 1
      worst = max(worst, (difference / size).isNaN ? .infinity : difference / size)
    }
    return worst
  }

  /// Worst error of the prefill's and of the decode steps' logits.
  /// - Parameter gguf: use the GGUF file that `scripts/goldens/gguf_goldens.py` made of the same weights.
  /// - Parameter dequantizes: convert the files' 16-bit weights to float32, as `--dtype float32` does.
  private static func errors(
    _ family: String, variant: KernelTable.Variant, cacheType: DType, chunk: Int = 64, gguf: Bool = false,
    dequantizes: Bool = true
  ) throws -> (prefill: Float, decode: Float) {
    let folder = try #require(Bundle.module.url(forResource: "Goldens/families/\(family)", withExtension: nil))
    let golden = try JSONDecoder().decode(
      Golden.self, from: try Data(contentsOf: folder.appendingPathComponent("expected.json")))
    let file = Bundle.module.url(forResource: "Goldens/gguf/\(family)", withExtension: "gguf")
    let path = gguf ? try #require(file).path : folder.path
    let probe = try LogitsProbe(
      try Checkpoint(path: path), variant: variant, cacheType: cacheType, dequantizes: dequantizes)
    let expected = Self.floats(golden.prefill)
    var prefill: Float = 0
    for start in stride(from: 0, to: golden.prompt.count, by: chunk) {
      let end = min(start + chunk, golden.prompt.count)
      let values = try probe.logits(golden.prompt[start..<end], start: start)
      prefill = max(
        prefill,
        error(
          values, expected[start * probe.vocabulary..<end * probe.vocabulary], vocabulary: probe.vocabulary))
    }
    let steps = Self.floats(golden.decode)
    let tokens = golden.prompt + golden.generated
    var decode: Float = 0
    for step in golden.generated.indices {
      // The first step's logits are the prompt's last row: run it again, alone.
      let position = golden.prompt.count - 1 + step
      let values = try probe.logits(tokens[position...position], start: position)
      decode = max(
        decode,
        error(
          values, steps[step * probe.vocabulary..<(step + 1) * probe.vocabulary], vocabulary: probe.vocabulary))
    }
    return (prefill, decode)
  }

  @Test(arguments: families, [KernelTable.Variant.reference, .avx2, .avx512, .amx, .neon])
  func logitsAgreeInFloat32(family: String, variant: KernelTable.Variant) throws {
    guard KernelTable(cpu: variant) != nil else { return }
    for chunk in [64, 5] {
      let (prefill, decode) = try Self.errors(family, variant: variant, cacheType: .f32, chunk: chunk)
      #expect(prefill < 1e-4)
      #expect(decode < 1e-4)
    }
  }

  @Test(arguments: ["llama-3-scaling", "qwen2-yarn", "qwen3", "gemma3-pattern"])
  func ggufFilesGiveTheSameLogits(family: String) throws {
    let (prefill, decode) = try Self.errors(family, variant: .best, cacheType: .f32, gguf: true)
    #expect(prefill < 1e-4)
    #expect(decode < 1e-4)
  }

  @Test(arguments: families) func sixteenBitWeightsStayNear(family: String) throws {
    let (prefill, decode) = try Self.errors(family, variant: .best, cacheType: .f32, dequantizes: false)
    #expect(max(prefill, decode) < 2e-3)
  }

  @Test(arguments: families) func aHalfPrecisionCacheStaysNear(family: String) throws {
    let half = try Self.errors(family, variant: .best, cacheType: .f16)
    #expect(max(half.prefill, half.decode) < 2e-3)
    let brain = try Self.errors(family, variant: .best, cacheType: .bf16)
    #expect(max(brain.prefill, brain.decode) < 1.5e-2)
  }
}
