import Foundation
package import MartletCompute

/// A model's weights and configuration, whichever files they come from. Tensor names are Hugging Face's.
package struct Checkpoint: Sendable {
  package enum Source: Sendable {
    case gguf(GGUFFile)
    case folder(HuggingFaceFolder)
  }

  package let path: String
  package let source: Source
  package let configuration: ModelConfiguration
  package let generationDefaults: GenerationDefaults
  /// By the source's own names.
  private let tensors: [String: CheckpointTensor]

  /// Opens a GGUF file or a Hugging Face folder; nothing but headers is read.
  package init(path: String) throws(CheckpointError) {
    var isFolder: ObjCBool = false
    guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw CheckpointError(
        file: path, field: "path", problem: "does not exist", remedy: "give a GGUF file or a Hugging Face folder")
    }
    self.path = path
    guard isFolder.boolValue else {
      let gguf = try GGUFFile(path: path)
      source = .gguf(gguf)
      configuration = try ModelConfiguration(gguf: gguf)
      generationDefaults = GenerationDefaults()
      tensors = gguf.tensors
      return
    }
    let folder = HuggingFaceFolder(path: path)
    source = .folder(folder)
    configuration = try folder.configuration()
    generationDefaults = Self.defaults(folder)
    tensors = try folder.tensors()
  }

  /// Random weights in the shape of a folder's `config.json` (or of that file itself), the same in every process.
  package init(dummyPath path: String, dtype: CheckpointDType = .bf16) throws(CheckpointError) {
    let folderPath = path.hasSuffix(".json") ? (path as NSString).deletingLastPathComponent : path
    let folder = HuggingFaceFolder(path: folderPath.isEmpty ? "." : folderPath)
    self.path = path
    source = .folder(folder)
    if path.hasSuffix(".json"), let data = FileManager.default.contents(atPath: path) {
      configuration = try ModelConfiguration(configJSON: data, path: path)
    } else {
      configuration = try folder.configuration()
    }
    generationDefaults = Self.defaults(folder)
    tensors = try RandomWeights.tensors(of: configuration, dtype: dtype)
  }

  /// The value of an optional file; a damaged one counts as absent, since it only recommends.
  private static func defaults(_ folder: HuggingFaceFolder) -> GenerationDefaults {
    guard let data = folder.contents("generation_config.json") else { return GenerationDefaults() }
    return (try? JSONDecoder().decode(GenerationDefaults.self, from: data)) ?? GenerationDefaults()
  }

  package var weights: CheckpointWeights { CheckpointWeights(tensors.values) }

  /// Bytes of all tensors.
  package var totalBytes: Int { tensors.values.reduce(0) { $0 + $1.range.count } }

  /// Bytes that the weights take once a device of this table has packed them.
  /// - Parameter quantizes: what the matrices of layers become.
  package func residentBytes(on table: KernelTable, dequantizes: Bool, quantizes: DType? = nil) -> Int {
    tensors.values.reduce(0) { sum, tensor in
      guard tensor.shape.count == 2 else { return sum + 4 * tensor.count }
      let stored = dequantizes ? DType.f32 : DType(tensor.dtype)
      let dtype = Self.isOfLayer(tensor) ? quantizes ?? stored : stored
      let packed = try? Matrix.packedBytes(on: table, dtype: dtype, rows: tensor.rows, columns: tensor.columns)
      return sum + (packed ?? tensor.range.count)
    }
  }

  /// The type of a layer's matrix that is quantised in the files, as GGUF spells it; nil where all are dense.
  package var quantizedType: String? {
    let matrix = tensors.values.first { $0.shape.count == 2 && Self.isOfLayer($0) && $0.dtype.block.elements > 1 }
    return matrix.map { CheckpointWeights.name($0.dtype) }
  }

  /// Embeddings, the head and the last norm are of no layer.
  private static func isOfLayer(_ tensor: CheckpointTensor) -> Bool {
    tensor.name.hasPrefix("blk.") || tensor.name.hasPrefix("layers.") || tensor.name.contains(".layers.")
  }

  /// The tensors that a model is made of under GGUF's names, in the order of a forward pass.
  var tensorsByGGUFName: [(name: String, tensor: CheckpointTensor)] {
    let named: [(String, CheckpointTensor)] = tensors.compactMap { name, tensor in
      guard case .folder = source else { return (name, tensor) }
      let plain = name.hasPrefix("language_model.") ? String(name.dropFirst(15)) : name
      let full = plain.hasPrefix("model.") || plain.hasPrefix("lm_head.") ? plain : "model." + plain
      let mapped = TensorNames.gguf(full, architecture: configuration.architecture)
      guard mapped != full, !(configuration.tiedEmbeddings && mapped == "output.weight") else { return nil }
      return (mapped, tensor)
    }
    func rank(_ name: String) -> (Int, String) {
      let layer = name.split(separator: ".").dropFirst().first.flatMap { Int($0) }
      return name.hasPrefix("blk.") ? ((layer ?? 0) + 1, name) : (name.hasPrefix("output") ? .max : 0, name)
    }
    return named.sorted { rank($0.0) < rank($1.0) }.map { (name: $0.0, tensor: $0.1) }
  }

  package func has(_ name: String) -> Bool { find(name) != nil }

  /// A tensor that must exist in exactly this shape.
  package func tensor(_ name: String, shape: [Int]) throws(CheckpointError) -> CheckpointTensor {
    guard let tensor = find(name) else {
      var problem = "is missing"
      if case .gguf(let file) = source,
        let type = file.unsupported[TensorNames.gguf(name, architecture: configuration.architecture)]
      {
        problem = "has the unsupported GGUF type \(type)"
      }
      throw CheckpointError(
        file: path, field: name, problem: problem, remedy: "give a complete checkpoint in a supported format")
    }
    guard tensor.shape == shape else {
      throw CheckpointError(
        file: path, field: name, problem: "has the shape \(tensor.shape); the configuration asks for \(shape)",
        remedy: "the weights and the configuration belong to different models")
    }
    return tensor
  }

  private func find(_ name: String) -> CheckpointTensor? {
    switch source {
    case .gguf: tensors[TensorNames.gguf(name, architecture: configuration.architecture)] ?? tensors[name]
    case .folder:
      tensors[name] ?? tensors["language_model." + name]
        ?? (name.hasPrefix("model.") ? tensors[String(name.dropFirst(6))] : nil)
    }
  }
}
