import MartletCompute

/// One step's rows on the device, and every buffer of the forward pass. Allocated once for the largest step.
final class BatchLayout {
  let device: Device
  let maxRows: Int
  private let maxSequences: Int
  private let pageSize: Int

  private(set) var rows = 0
  let tokens: DeviceArray<Int32>
  let positions: DeviceArray<Int32>
  /// Cache slot of each row: page * pageSize + offset.
  let slots: DeviceArray<Int32>
  private(set) var sequences: SequenceTable
  /// Rows whose logits are wanted.
  let logitRows: DeviceArray<Int32>

  /// [maxRows, hidden]
  let residual: Activation
  let normed: Activation
  let branch: Activation
  /// [maxRows, widest fused projection]
  let wide: Activation
  /// [maxRows, heads * head dimension]
  let heads: Activation
  /// [maxRows, intermediate]
  let gated: Activation
  /// [logit chunk, hidden] and [logit chunk, vocabulary]
  let logitHidden: Activation
  let logits: Activation
  let logitChunk: Int
  let workspace: DeviceMemory

  init(
    device: Device, configuration c: ModelConfiguration, maxRows: Int, maxSequences: Int, pageCount: Int, pageSize: Int
  ) throws(KernelError) {
    self.device = device
    self.maxRows = maxRows
    self.maxSequences = maxSequences
    self.pageSize = pageSize
    let sizes = Sizes(c, table: device.table, maxRows: maxRows, maxSequences: maxSequences)
    tokens = try device.allocate(Int32.self, count: maxRows)
    positions = try device.allocate(Int32.self, count: maxRows)
    slots = try device.allocate(Int32.self, count: maxRows)
    logitRows = try device.allocate(Int32.self, count: maxRows + maxSequences)
    let contextPages = (c.contextLength + pageSize - 1) / pageSize + 1
    sequences = try SequenceTable(
      on: device, sequences: maxSequences, pages: maxSequences * min(contextPages, pageCount))
    residual = try device.allocate(Float.self, count: maxRows * c.hiddenSize)
    normed = try device.allocate(Float.self, count: maxRows * c.hiddenSize)
    branch = try device.allocate(Float.self, count: maxRows * c.hiddenSize)
    wide = try device.allocate(Float.self, count: maxRows * sizes.wide)
    heads = try device.allocate(Float.self, count: maxRows * c.headCount * c.headDimension)
    gated = try device.allocate(Float.self, count: maxRows * c.intermediateSize)
    logitChunk = sizes.logitChunk
    logitHidden = try device.allocate(Float.self, count: logitChunk * c.hiddenSize)
    logits = try device.allocate(Float.self, count: logitChunk * c.vocabularySize)
    workspace = try device.allocate(bytes: sizes.workspace)
  }

  /// Element counts that depend on the shape only.
  private struct Sizes {
    let wide: Int
    let logitChunk: Int
    let workspace: Int

    init(_ c: ModelConfiguration, table: KernelTable, maxRows: Int, maxSequences: Int) {
      let query = c.headCount * c.headDimension
      wide = max(2 * c.intermediateSize, query + 2 * c.keyValueHeadCount * c.headDimension)
      // Logits of a large vocabulary are computed in chunks of rows, so that they take 64 MiB at most.
      logitChunk = max(1, min(max(maxSequences, 16), (64 << 20) / (4 * c.vocabularySize)))
      let columns = max(c.hiddenSize, query, c.intermediateSize)
      workspace = [
        Workspace.linear(table, rows: maxRows, columns: columns, outputs: max(wide, c.hiddenSize)),
        Workspace.linear(table, rows: logitChunk, columns: c.hiddenSize, outputs: c.vocabularySize),
        Workspace.attention(table, rows: maxRows, heads: c.headCount, headDimension: c.headDimension),
        Workspace.sample(table, rows: logitChunk, vocabulary: c.vocabularySize), 64,
      ].reduce(0, max)
    }
  }

  /// Bytes that a layout of this size takes.
  static func bytes(_ c: ModelConfiguration, table: KernelTable, maxRows: Int, maxSequences: Int) -> Int {
    let sizes = Sizes(c, table: table, maxRows: maxRows, maxSequences: maxSequences)
    let perRow = 3 * c.hiddenSize + sizes.wide + c.headCount * c.headDimension + c.intermediateSize + 8
    return 4 * (maxRows * perRow + sizes.logitChunk * (c.hiddenSize + c.vocabularySize)) + sizes.workspace
  }

  func removeAll() {
    rows = 0
    sequences.removeAll()
  }

  /// Whether a sequence of this size fits behind the ones already there.
  func hasRoom(rows count: Int, pages: Int) -> Bool { rows + count <= maxRows && sequences.hasRoom(pages: pages) }

  /// Adds one sequence's rows; returns the first row's index. The caller has checked `hasRoom`.
  func append(tokens rowTokens: [Int32], start: Int, pages: [Int32]) -> Int {
    let first = rows
    for (offset, token) in rowTokens.enumerated() {
      let position = start + offset
      unsafe tokens.host[rows] = token
      unsafe positions.host[rows] = Int32(position)
      unsafe slots.host[rows] = pages[position / pageSize] * Int32(pageSize) + Int32(position % pageSize)
      rows += 1
    }
    sequences.append(rowStart: first, rowCount: rowTokens.count, length: start + rowTokens.count, pages: pages)
    return first
  }
}
