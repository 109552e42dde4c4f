import MartletCompute
import MartletCore

@testable import MartletModel

/// Logits of a model for given tokens, without scheduler or sampling: pages are used in order.
struct LogitsProbe {
  let vocabulary: Int
  private let batch: BatchLayout
  private let model: DecoderModel
  private let allLogits: DeviceArray<Float>

  init(
    _ checkpoint: Checkpoint, variant: KernelTable.Variant = .best, cacheType: DType = .f32, dequantizes: Bool = false,
    maxTokens: Int = 128
  ) throws {
    guard let table = KernelTable(cpu: variant) else {
      throw KernelError(status: 3, operation: "variant \(variant)")
    }
    let device = try Device(table: table)
    let c = checkpoint.configuration
    let pages = (maxTokens + 15) / 16
    vocabulary = c.vocabularySize
    batch = try BatchLayout(
      device: device, configuration: c, maxRows: 64, maxSequences: 64, pageCount: pages, pageSize: 16)
    var cache: [KVLayer] = []
    for _ in 0..<c.layerCount {
      cache.append(
        try KVLayer(
          on: device, dtype: cacheType, pages: pages, pageSize: 16, heads: c.keyValueHeadCount,
          headDimension: c.headDimension))
    }
    let loader = WeightLoader(device: device, checkpoint: checkpoint, dequantizes: dequantizes)
    model = try ModelCatalog.model(loader, cache: cache, maxRows: 64)
    allLogits = try device.allocate(Float.self, count: 64 * c.vocabularySize)
  }

  /// Logits of tokens at positions start..., at most 64; [tokens.count * vocabulary].
  func logits(_ tokens: ArraySlice<Int32>, start: Int) throws -> [Float] {
    let pages = (start + tokens.count + 15) / 16
    try batch.begin(StepInputs.Size(rows: tokens.count, sequences: 1, pages: pages))
    _ = try batch.append(
      count: tokens.count, start: start, pageCount: pages, token: { tokens[tokens.startIndex + $0] },
      page: { Int32($0) })
    try batch.send()
    try model.logits(of: try model(batch), indices: nil, count: tokens.count, into: allLogits, batch)
    return try batch.device.download(allLogits, count: tokens.count * vocabulary)
  }
}
