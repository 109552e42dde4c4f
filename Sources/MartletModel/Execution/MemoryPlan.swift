package import MartletCompute

/// What a model takes and what is left for its KV cache: a pure function of shapes, options and the machine.
package struct MemoryPlan: Sendable, Equatable {
  package struct Options: Sendable {
    package var availableBytes = 0
    package var memoryFraction = 0.8
    package var contextLength: Int?
    package var maxTotalTokens: Int?
    package var maxRunningRequests: Int?
    package var maxBatchedTokens = 512
    package var pageSize = 16
    /// The KV cache takes no more without a wish, unless one request needs it; nil: all that is left.
    package var cacheLimit: Int? = 4 << 30
    package var cacheType = DType.f16
    /// Weights are converted to float32.
    package var dequantizes = false
    /// What the matrices of layers are quantised to; the table must do that.
    package var quantizes: DType?
    package init() {}
  }

  package enum Failure: Error, Equatable, Sendable, CustomStringConvertible {
    case weightsDoNotFit(needed: Int, budget: Int)
    case contextDoesNotFit(tokens: Int, context: Int)
    case contextBeyondModel(wanted: Int, model: Int)

    package var description: String {
      switch self {
      case .weightsDoNotFit(let needed, let budget):
        "the weights and the workspace need \(needed >> 20) MiB, but \(budget >> 20) MiB may be used; raise --mem-fraction-static or choose a smaller model"
      case .contextBeyondModel(let wanted, let model):
        "--context-length \(wanted) is beyond the \(model) tokens that the model was made for; lower it, or extend the model's rope scaling in its configuration"
      case .contextDoesNotFit(let tokens, let context):
        "the KV cache holds \(tokens) tokens, but a request may have \(context); lower --context-length or raise --max-total-tokens"
      }
    }
  }

  package let weightBytes: Int
  package let workspaceBytes: Int
  package let pageBytes: Int
  package let pageCount: Int
  package let pageSize: Int
  package let cacheType: DType
  package let dequantizes: Bool
  package let quantizes: DType?
  package let contextLength: Int
  package let maxRunningRequests: Int
  package let maxBatchedTokens: Int

  package var cacheBytes: Int { pageBytes * pageCount }
  package var totalTokens: Int { pageCount * pageSize }
  package var totalBytes: Int { weightBytes + workspaceBytes + cacheBytes }

  package init(
    configuration c: ModelConfiguration, checkpoint: Checkpoint, table: KernelTable, options: Options
  ) throws(Failure) {
    if let wanted = options.contextLength, wanted > c.contextLength {
      throw .contextBeyondModel(wanted: wanted, model: c.contextLength)
    }
    let context = options.contextLength ?? c.contextLength
    dequantizes = options.dequantizes
    quantizes = options.quantizes
    weightBytes = checkpoint.residentBytes(
      on: table, dequantizes: options.dequantizes, quantizes: options.quantizes)
    let running = options.maxRunningRequests ?? 64
    workspaceBytes = BatchLayout.bytes(c, table: table, maxRows: options.maxBatchedTokens, maxSequences: running)
    let perPage = KVLayer.bytes(
      on: table, dtype: options.cacheType, pages: 64, pageSize: options.pageSize, heads: c.keyValueHeadCount,
      headDimension: c.headDimension)
    pageBytes = (perPage + 63) / 64 * c.layerCount
    let budget = Int(Double(options.availableBytes) * options.memoryFraction)
    let left = budget - weightBytes - workspaceBytes
    guard left > pageBytes else {
      throw .weightsDoNotFit(needed: weightBytes + workspaceBytes + pageBytes, budget: budget)
    }
    // Without a wish: every running request at full context, up to the limit.
    let contextPages = (context + options.pageSize - 1) / options.pageSize
    let cap = max(contextPages + 1, min(running * contextPages, (options.cacheLimit ?? .max) / max(1, pageBytes)))
    let wished = options.maxTotalTokens.map { ($0 + options.pageSize - 1) / options.pageSize } ?? cap
    pageCount = min(wished, left / max(1, pageBytes))
    pageSize = options.pageSize
    cacheType = options.cacheType
    maxRunningRequests = min(running, pageCount)
    maxBatchedTokens = options.maxBatchedTokens
    contextLength = min(context, pageCount * options.pageSize)
    guard options.contextLength == nil || contextLength == context else {
      throw .contextDoesNotFit(tokens: pageCount * options.pageSize, context: context)
    }
  }
}
