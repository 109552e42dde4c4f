import Foundation
import Testing

@testable import MartletModel

@Suite struct GGUFFileTests {
  private func open(_ bytes: [UInt8]) throws -> GGUFFile {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-tests-\(UUID().uuidString).gguf")
    try Data(bytes).write(to: url)
    defer { try? FileManager.default.removeItem(at: url) }
    return try GGUFFile(path: url.path)
  }

  private var sample: [UInt8] {
    var builder = GGUFBuilder()
    builder.set("general.architecture", "llama")
    builder.set("llama.context_length", UInt32(64))
    builder.set("x.float", Float(1.5))
    builder.add("a.weight", [2, 4], [0, 1, 2, 3, 4, 5, 6, 7])
    builder.add("b.weight", [3], [8, 9, 10])
    return builder.file
  }

  @Test func readsMetadataAndTensors() throws {
    let file = try open(sample)
    #expect(try file.string("general.architecture") == "llama")
    #expect(try file.integer("llama.context_length") == 64)
    #expect(try file.double("x.float") == 1.5)
    let tensor = try #require(file.tensors["a.weight"])
    #expect(tensor.shape == [2, 4])
    #expect(unsafe tensor.bytes.loadUnaligned(fromByteOffset: 28, as: Float.self) == 7)
    #expect(throws: CheckpointError.self) { try file.integer("general.architecture") }
  }

  @Test func everyTruncationIsATypedError() throws {
    let bytes = sample
    // The file's end is padding behind the last tensor's 12 bytes.
    for length in 1..<(bytes.count - 20) {
      #expect(throws: CheckpointError.self, "\(length) bytes") { try open(Array(bytes[..<length])) }
    }
  }

  @Test func mutationsNeverTrap() throws {
    var state: UInt64 = 1
    for _ in 0..<3000 {
      var bytes = sample
      for _ in 0..<3 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 20)
      }
      guard let file = try? open(bytes) else { continue }
      _ = try? ModelConfiguration(gguf: file)
      for tensor in file.tensors.values { #expect(unsafe tensor.bytes.count == tensor.range.count) }
    }
  }

  @Test func overlappingTensorsAreRefused() throws {
    var bytes = sample
    // The second tensor's offset is the eight bytes in front of the padded header's end.
    let name = Array("b.weight".utf8)
    let place = try #require((0..<(bytes.count - 8)).first { bytes[$0..<($0 + 8)].elementsEqual(name) })
    for index in 0..<8 { bytes[place + 8 + 4 + 8 + 4 + index] = 0 }
    let error = #expect(throws: CheckpointError.self) { try open(bytes) }
    #expect(error?.problem.contains("overlaps") == true)
  }
}
