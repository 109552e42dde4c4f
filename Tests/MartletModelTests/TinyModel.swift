import Foundation

/// A folder with the configuration of a tiny model, for dummy weights.
struct TinyModel {
  let folder: URL

  init(_ overrides: [String: Any] = [:], architecture: String = "LlamaForCausalLM") throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var configuration: [String: Any] = [
      "architectures": [architecture], "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4,
      "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 96, "vocab_size": 300,
      "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    ]
    configuration.merge(overrides) { _, new in new }
    try JSONSerialization.data(withJSONObject: configuration).write(to: folder.appendingPathComponent("config.json"))
  }

  func remove() { try? FileManager.default.removeItem(at: folder) }
}
