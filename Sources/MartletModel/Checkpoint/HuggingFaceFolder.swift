package import Foundation
import MartletCore

/// A Hugging Face model folder: `config.json`, one or more safetensors files, and the text side's files.
package struct HuggingFaceFolder: Sendable {
  private struct Index: Decodable { let weight_map: [String: String] }
  private struct PoolingModes: Decodable {
    let pooling_mode_lasttoken: Bool?
    let pooling_mode_mean_tokens: Bool?
  }

  package let path: String

  package init(path: String) { self.path = path }

  /// The content of a file in the folder; nil when there is none.
  package func contents(_ name: String) -> Data? {
    FileManager.default.contents(atPath: path + "/" + name)
  }

  func configuration() throws(CheckpointError) -> ModelConfiguration {
    guard let data = contents("config.json") else {
      throw CheckpointError(
        file: path, field: "config.json", problem: "is missing", remedy: "give a GGUF file or a Hugging Face folder")
    }
    var configuration = try ModelConfiguration(configJSON: data, path: path + "/config.json")
    configuration.pooling = pooling()
    return configuration
  }

  /// What Sentence Transformers keep beside a model that makes embeddings; a damaged file counts as absent.
  private func pooling() -> Pooling? {
    guard let data = contents("1_Pooling/config.json"),
      let modes = try? JSONDecoder().decode(PoolingModes.self, from: data)
    else { return nil }
    return modes.pooling_mode_lasttoken == true ? .last : modes.pooling_mode_mean_tokens == true ? .mean : nil
  }

  func tensors() throws(CheckpointError) -> [String: CheckpointTensor] {
    var tensors: [String: CheckpointTensor] = [:]
    var unsupported: [String: String] = [:]
    for name in try shardNames() {
      let shard = try SafetensorsFile(path: path + "/" + name)
      for (key, tensor) in shard.tensors where tensors.updateValue(tensor, forKey: key) != nil {
        throw CheckpointError(file: path + "/" + name, field: key, problem: "is in two files")
      }
      unsupported.merge(shard.unsupported) { first, _ in first }
    }
    if let (name, type) = unsupported.first(where: { $0.key.hasSuffix(".weight") }) {
      throw CheckpointError(
        file: path, field: name, problem: "has the element type \(type)", remedy: "F32, F16 and BF16 are supported")
    }
    return tensors
  }

  private func shardNames() throws(CheckpointError) -> [String] {
    if let data = contents("model.safetensors.index.json") {
      guard let index = try? JSONDecoder().decode(Index.self, from: data) else {
        throw CheckpointError(file: path, field: "model.safetensors.index.json", problem: "has no weight_map")
      }
      let names = Set(index.weight_map.values).sorted()
      if let outside = names.first(where: { $0.contains("/") || $0 == ".." || $0.isEmpty }) {
        throw CheckpointError(
          file: path, field: "weight_map", problem: "names \"\(outside)\", which is not a file of this folder")
      }
      return names
    }
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [])
      .filter { $0.hasSuffix(".safetensors") }.sorted()
    guard !names.isEmpty else {
      throw CheckpointError(
        file: path, field: "*.safetensors", problem: "is missing", remedy: "only safetensors and GGUF weights are read")
    }
    return names
  }
}
