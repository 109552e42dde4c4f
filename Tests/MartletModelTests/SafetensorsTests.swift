import Foundation
import Testing

@testable import MartletModel

@Suite struct SafetensorsTests {
  /// A folder that goes with its owner.
  private final class Folder {
    let path = NSTemporaryDirectory() + "martlet-tests-\(UUID().uuidString)"
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ bytes: [UInt8]) throws {
      try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name))
    }

    func tensors() throws -> [String: CheckpointTensor] { try HuggingFaceFolder(path: path).tensors() }
  }

  private static func file(_ header: String, data: Int) -> [UInt8] {
    let text = Array(header.utf8)
    return GGUFBuilder.bytes(UInt64(text.count)) + text + (0..<data).map { UInt8(truncatingIfNeeded: $0) }
  }

  private static let sample = file(
    #"""
    {"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
     "b": {"dtype": "BF16", "shape": [3], "data_offsets": [16, 22]}}
    """#, data: 22)

  private static func open(_ bytes: [UInt8]) throws -> [String: CheckpointTensor] {
    let folder = try Folder()
    try folder.write("model.safetensors", bytes)
    return try folder.tensors()
  }

  @Test func readsShapesTypesAndBytes() throws {
    let tensors = try Self.open(Self.sample)
    #expect(tensors["a"]?.shape == [2, 2])
    #expect(tensors["b"]?.dtype == .bf16)
    #expect(unsafe tensors["b"]?.bytes[0] == 16)
    #expect(tensors.count == 2)
  }

  @Test func everyTruncationIsATypedError() throws {
    for length in 1..<Self.sample.count {
      #expect(throws: CheckpointError.self, "\(length) bytes") { try Self.open(Array(Self.sample[..<length])) }
    }
  }

  @Test func mutationsNeverTrap() throws {
    var state: UInt64 = 3
    let folder = try Folder()
    for _ in 0..<3000 {
      var bytes = Self.sample
      for _ in 0..<3 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 20)
      }
      try folder.write("model.safetensors", bytes)
      guard let tensors = try? folder.tensors() else { continue }
      for tensor in tensors.values { #expect(unsafe tensor.bytes.count == tensor.range.count) }
    }
  }

  @Test(arguments: [
    (
      #"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}"#,
      "overlaps"
    ),
    (#"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 9]}}"#, "shape"),
    (#"{"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}"#, "shape"),
    (#"{"a": {"dtype": "F32", "shape": [4611686018427387904, 4], "data_offsets": [0, 8]}}"#, "shape"),
    (#"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [100, 108]}}"#, "outside"),
    (#"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}}"#, "outside"),
    (#"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0]}}"#, "outside"),
    (#"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]}}"#, "outside"),
    (#"{"a": {"dtype": "F32", "shape": "x", "data_offsets": [0, 8]}}"#, "table"), (#"[1, 2]"#, "table"), ("", "table"),
  ])
  func hostileHeadersAreRefused(header: String, problem: String) {
    let error = #expect(throws: CheckpointError.self) { try Self.open(Self.file(header, data: 16)) }
    #expect(error?.problem.contains(problem) == true, "\(String(describing: error))")
  }

  @Test func anAbsurdHeaderLengthIsRefused() {
    for length in [UInt64.max, UInt64(Int64.max), 1 << 40, 200 << 20] {
      #expect(throws: CheckpointError.self) { try Self.open(GGUFBuilder.bytes(length) + [1, 2, 3]) }
    }
  }

  @Test func unsupportedElementTypesAreNamed() {
    let header = #"{"x.weight": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}}"#
    let error = #expect(throws: CheckpointError.self) { try Self.open(Self.file(header, data: 8)) }
    #expect(error?.field == "x.weight")
    #expect(error?.problem.contains("I64") == true)
  }

  @Test func shardsAreReadThroughTheIndex() throws {
    let folder = try Folder()
    let one = Self.file(#"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}"#, data: 4)
    let two = Self.file(#"{"b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}"#, data: 4)
    try folder.write("one.safetensors", one)
    try folder.write("two.safetensors", two)
    try folder.write(
      "model.safetensors.index.json", Array(#"{"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}"#.utf8))
    #expect(Set(try folder.tensors().keys) == ["a", "b"])
    try folder.write("two.safetensors", one)
    let twice = #expect(throws: CheckpointError.self) { try folder.tensors() }
    #expect(twice?.problem == "is in two files")
    try FileManager.default.removeItem(atPath: folder.path + "/two.safetensors")
    let missing = #expect(throws: CheckpointError.self) { try folder.tensors() }
    #expect(missing?.file.hasSuffix("two.safetensors") == true)
  }

  @Test(arguments: ["../x.safetensors", "/etc/passwd", "..", ""])
  func anIndexCannotLeaveItsFolder(name: String) throws {
    let folder = try Folder()
    try folder.write("model.safetensors.index.json", Array(#"{"weight_map": {"a": "\#(name)"}}"#.utf8))
    let error = #expect(throws: CheckpointError.self) { try folder.tensors() }
    #expect(error?.field == "weight_map")
  }

  @Test func aMissingTensorIsNamedWithTheRemedy() throws {
    let model = try TinyModel()
    defer { model.remove() }
    try Data(Self.sample).write(to: model.folder.appendingPathComponent("model.safetensors"))
    let checkpoint = try Checkpoint(path: model.folder.path)
    let error = #expect(throws: CheckpointError.self) {
      try checkpoint.tensor("model.norm.weight", shape: [64])
    }
    #expect(error?.field == "model.norm.weight")
    #expect(error?.problem == "is missing")
  }
}
