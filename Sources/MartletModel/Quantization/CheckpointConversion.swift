import Foundation
import MartletCompute

/// Writes a checkpoint, whichever its source, as a GGUF file of another type.
package struct CheckpointConversion {
  private struct Item {
    /// GGUF's name.
    let name: String
    let tensor: CheckpointTensor
    let dtype: CheckpointDType
    /// A vector counts as a column.
    var rows: Int { tensor.shape.count == 1 ? tensor.count : tensor.rows }
    var columns: Int { tensor.shape.count == 1 ? 1 : tensor.columns }
  }

  /// Values converted at a time.
  private static let chunk = 1 << 20

  private let checkpoint: Checkpoint
  private let metadata: GGUFMetadata
  private let items: [Item]
  /// Divisors of the rotary frequencies that metadata cannot tell.
  private let ropeFactors: [Float]?

  /// - Parameters:
  ///   - metadata: what a folder's tokenizer and template add; a GGUF file brings its own.
  package init(_ checkpoint: Checkpoint, to type: QuantizationType, metadata tokenizer: GGUFMetadata)
    throws(CheckpointError)
  {
    self.checkpoint = checkpoint
    var metadata: GGUFMetadata
    switch checkpoint.source {
    case .gguf(let file):
      if let (name, number) = file.unsupported.min(by: { $0.key < $1.key }) {
        throw CheckpointError(
          file: checkpoint.path, field: name, problem: "has the unsupported GGUF type \(number)",
          remedy: "give a checkpoint in a supported format")
      }
      metadata = GGUFMetadata(copying: file)
      metadata.remove("general.alignment")
    case .folder:
      try Self.check(checkpoint)
      metadata = tokenizer
      metadata.add(checkpoint.configuration)
    }
    ropeFactors = Self.ropeFactors(checkpoint)
    metadata.set("general.file_type", integer: type.fileType)
    metadata.set("general.quantization_version", integer: 2)
    self.metadata = metadata
    items = checkpoint.tensorsByGGUFName.map { name, tensor in
      let isOuter = name == "token_embd.weight" || name == "output.weight"
      return Item(name: name, tensor: tensor, dtype: type.dtype(for: tensor, isOuter: isOuter))
    }
  }

  package var tensorCount: Int { items.count }

  /// Refuses what a GGUF file of the architecture cannot say.
  private static func check(_ checkpoint: Checkpoint) throws(CheckpointError) {
    let c = checkpoint.configuration
    func refuse(_ field: String, _ problem: String) -> CheckpointError {
      CheckpointError(
        file: checkpoint.path, field: field, problem: problem + ", which GGUF has no key for",
        remedy: "serve the folder as it is")
    }
    if c.attentionSoftCap != 0 || c.logitSoftCap != 0 { throw refuse("attn_logit_softcapping", "is set") }
    switch c.architecture {
    case .llama: break
    case .qwen2, .qwen3: if c.slidingWindow != nil { throw refuse("sliding_window", "is set") }
    case .gemma3:
      guard c.slidingLayers == (0..<c.layerCount).map({ $0 % 6 != 5 }) else {
        throw refuse("layer_types", "is not five sliding layers to one")
      }
      guard c.attentionScale == 1 / Float(c.headDimension).squareRoot() || c.layerCount == 62 else {
        throw refuse("query_pre_attn_scalar", "is not the head dimension")
      }
    }
  }

  private static func ropeFactors(_ checkpoint: Checkpoint) -> [Float]? {
    let c = checkpoint.configuration
    guard case .folder = checkpoint.source, case .llama3 = c.ropeScaling else { return nil }
    func frequencies(_ scaling: RopeScaling) -> [Double] {
      RotaryEmbedding.frequencies(headDimension: c.headDimension, base: c.ropeBase, scaling: scaling).0
    }
    return zip(frequencies(.none), frequencies(c.ropeScaling)).map { Float($0 / $1) }
  }

  /// - Parameter progress: called with each tensor's name and type when it is written.
  package func write(to path: String, threads: Int, progress: (String, CheckpointDType) -> Void) async throws {
    guard let table = KernelTable(cpu: .best) else { throw KernelError(status: 3, operation: "kernel table") }
    var options = DeviceOptions()
    options.threads = threads
    let device = try Device(table: table, options: options)
    var tensors = items.map { GGUFWriter.Tensor(name: $0.name, dtype: $0.dtype, shape: $0.tensor.shape) }
    if let ropeFactors {
      tensors.insert(GGUFWriter.Tensor(name: "rope_freqs.weight", dtype: .f32, shape: [ropeFactors.count]), at: 0)
    }
    let writer = try GGUFWriter(path: path, metadata: metadata, tensors: tensors)
    if let ropeFactors {
      try writer.append(ropeFactors.flatMap { GGUFMetadata.little($0.bitPattern) })
      try writer.pad()
    }
    for item in items {
      try await write(item, on: device, threads: threads, to: writer)
      progress(item.name, item.dtype)
    }
    try writer.finish()
  }

  private func write(_ item: Item, on device: Device, threads: Int, to writer: GGUFWriter) async throws {
    let tensor = item.tensor
    if item.dtype == tensor.dtype, !permutes(item), addend(item) == 0 {
      for start in stride(from: 0, to: tensor.range.count, by: 1 << 24) {
        try writer.append(unsafe Array(tensor.bytes[start..<min(start + 1 << 24, tensor.range.count)]))
      }
      return try writer.pad()
    }
    guard let quantizer = BlockQuantizer(item.dtype) else {
      throw CheckpointError(file: checkpoint.path, field: item.name, problem: "cannot be rounded to \(item.dtype)")
    }
    let rows = max(1, Self.chunk / max(1, item.columns))
    for start in stride(from: 0, to: item.rows, by: rows) {
      let values = try values(item, rows: start..<min(start + rows, item.rows), on: device)
      guard values.allSatisfy(\.isFinite) else {
        throw CheckpointError(
          file: checkpoint.path, field: tensor.name, problem: "has values that are not finite",
          remedy: "the checkpoint is damaged: fetch it again")
      }
      for part in await Self.quantize(values, by: quantizer, columns: item.columns, parts: max(1, threads)) {
        try writer.append(part)
      }
    }
    try writer.pad()
  }

  /// The blocks of whole rows, rounded in parallel.
  private static func quantize(
    _ values: [Float], by quantizer: BlockQuantizer, columns: Int, parts: Int
  ) async -> [[UInt8]] {
    let rows = values.count / max(1, columns)
    let share = (rows + parts - 1) / parts * columns
    return await withTaskGroup(of: (Int, [UInt8]).self) { group in
      for start in stride(from: 0, to: values.count, by: max(1, share)) {
        group.addTask {
          var bytes: [UInt8] = []
          let block = quantizer.dtype.block
          let end = min(start + share, values.count)
          bytes.reserveCapacity((end - start) / block.elements * block.bytes)
          quantizer.append(values.span.extracting(start..<end), to: &bytes)
          return (start, bytes)
        }
      }
      var parts: [(Int, [UInt8])] = []
      for await part in group { parts.append(part) }
      return parts.sorted { $0.0 < $1.0 }.map(\.1)
    }
  }

  /// A range of rows as float32, as the GGUF file wants them.
  private func values(_ item: Item, rows: Range<Int>, on device: Device) throws -> [Float] {
    let tensor = item.tensor
    let rowBytes = tensor.range.count / max(1, item.rows)
    let order = rows.map { permutes(item) ? source(ofRow: $0) : $0 }
    let first = order.min() ?? 0, last = order.max() ?? 0
    guard let base = unsafe tensor.bytes.baseAddress else { return [] }
    let matrix = unsafe Matrix(
      fileData: base + first * rowBytes, dtype: DType(tensor.dtype), rows: last - first + 1, columns: item.columns,
      owner: nil)
    let stored = try device.download(try matrix.values(on: device), count: (last - first + 1) * item.columns)
    let added = addend(item)
    var values: [Float] = []
    values.reserveCapacity(rows.count * item.columns)
    for row in order {
      let start = (row - first) * item.columns
      for index in start..<start + item.columns { values.append(stored[index] + added) }
    }
    return values
  }

  /// GGUF keeps the rows of Llama's queries and keys in pairs of dimensions that rotate together.
  private func permutes(_ item: Item) -> Bool {
    guard case .folder = checkpoint.source, checkpoint.configuration.architecture == .llama else { return false }
    return ["attn_q.weight", "attn_k.weight", "attn_q.bias", "attn_k.bias"].contains { item.name.hasSuffix($0) }
  }

  private func source(ofRow row: Int) -> Int {
    let size = checkpoint.configuration.headDimension
    let place = row % size
    return row - place + place / 2 + (place % 2) * (size / 2)
  }

  /// GGUF stores w of norms where the checkpoint stores w of (1 + w).
  private func addend(_ item: Item) -> Float {
    item.name.hasSuffix("norm.weight") ? checkpoint.configuration.normWeightOffset : 0
  }
}
