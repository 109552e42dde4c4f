import Foundation
import MartletCompute
import Testing

@testable import MartletModel

@Suite struct CheckpointConversionTests {
  private static func converted(
    _ path: String, to type: QuantizationType, _ check: (String) throws -> Void
  ) async throws {
    let output = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID().uuidString).gguf").path
    defer { try? FileManager.default.removeItem(atPath: output) }
    let conversion = try CheckpointConversion(try Checkpoint(path: path), to: type, metadata: GGUFMetadata())
    try await conversion.write(to: output, threads: 2) { _, _ in }
    #expect(!FileManager.default.fileExists(atPath: output + ".partial"))
    try check(output)
  }

  private static func folder(_ family: String) throws -> String {
    try #require(Bundle.module.url(forResource: "Goldens/families/\(family)", withExtension: nil)).path
  }

  private static let tokens = (0..<40).map { Int32(($0 * 37) % 90) }

  private static func logits(_ path: String) throws -> [Float] {
    try LogitsProbe(try Checkpoint(path: path), dequantizes: true).logits(tokens[...], start: 0)
  }

  @Test(arguments: [
    "llama", "llama-3-scaling", "llama-linear", "mistral-window", "qwen2-yarn", "qwen3", "gemma3-pattern",
  ])
  func aFolderGivesTheSameLogitsAsItsGGUFFile(family: String) async throws {
    let folder = try Self.folder(family)
    let expected = try Self.logits(folder)
    let size = expected.map { abs($0) }.max() ?? 0
    try await Self.converted(folder, to: .f32) { path in
      let values = try Self.logits(path)
      #expect(zip(values, expected).allSatisfy { abs($0 - $1) <= 1e-4 * size })
    }
  }

  @Test func whatGGUFCannotSayIsRefused() throws {
    let checkpoint = try Checkpoint(path: try Self.folder("qwen2-window"))
    #expect(throws: CheckpointError.self) {
      try CheckpointConversion(checkpoint, to: .q8_0, metadata: GGUFMetadata())
    }
  }

  @Test func eightBitWeightsStayNear() async throws {
    let folder = try Self.folder("qwen3")
    let expected = try Self.logits(folder)
    try await Self.converted(folder, to: .q8_0) { path in
      let checkpoint = try Checkpoint(path: path)
      let values = try LogitsProbe(checkpoint).logits(Self.tokens[...], start: 0)
      #expect(divergence(expected, values, vocabulary: checkpoint.configuration.vocabularySize) < 1e-3)
    }
  }

  @Test func theSameTypeCopiesTensorsAndMetadata() async throws {
    let source = try #require(Bundle.module.url(forResource: "Goldens/gguf/qwen3", withExtension: "gguf")).path
    try await Self.converted(source, to: .f32) { path in
      let before = try GGUFFile(path: source), after = try GGUFFile(path: path)
      for (key, value) in before.metadata where !key.hasPrefix("general.") {
        if case .array(let type, let count, _) = value {
          guard case .array(type, count, _)? = after.metadata[key] else {
            Issue.record("\(key) differs")
            continue
          }
        } else {
          #expect(after.metadata[key] == value, "\(key)")
        }
      }
      #expect(Set(before.tensors.keys) == Set(after.tensors.keys))
      for (name, tensor) in before.tensors where tensor.dtype == .f32 {
        let other = try #require(after.tensors[name])
        #expect(unsafe Array(tensor.bytes) == Array(other.bytes), "\(name)")
      }
    }
  }

  @Test func aFolderThatCannotBeWrittenToIsATypedError() async throws {
    let conversion = try CheckpointConversion(
      try Checkpoint(path: try Self.folder("qwen3")), to: .f32, metadata: GGUFMetadata())
    await #expect(throws: CheckpointError.self) {
      try await conversion.write(to: "/proc/none/model.gguf", threads: 1) { _, _ in }
    }
  }
}
