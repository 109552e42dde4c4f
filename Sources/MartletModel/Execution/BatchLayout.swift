import MartletCompute

/// One step's rows on the device, and every buffer of the forward pass. Allocated once for the largest step.
final class BatchLayout {
  let device: Device
  private let pageSize: Int
  private let block: StagingBlock

  private(set) var rows = 0
  var inputs: StepInputs

  /// [maxRows, hidden], float32
  let residual: Activation
  let branch: Activation
  /// [maxRows, hidden], as products take it
  let normed: Activation
  /// What products leave for the norms after them in steps of few rows, in the memory of `normed`.
  private let fewRowsNorm: DeferredNorm?
  var deferredNorm: DeferredNorm? { rows <= device.deferredNormRows ? fewRowsNorm : nil }
  /// [maxRows, fused q, k and v], in the memory of `gateUp`
  let qkv: Activation
  /// [maxRows, widest fused projection], float32
  let gateUp: Activation
  /// [maxRows, heads * head dimension]
  let heads: Activation
  /// [maxRows, intermediate]
  let gated: Activation
  /// [logit chunk, hidden], as the head takes it, and [logit chunk, vocabulary]
  let logitHidden: Activation
  let logits: DeviceArray<Float>
  /// [logit chunk, hidden], float32: what is normed for no product to take.
  let hiddenStates: Activation
  let logitChunk: Int
  let workspace: DeviceMemory

  /// - Parameter isExact: all activations are float32.
  init(
    device: Device, configuration c: ModelConfiguration, maxRows: Int, maxSequences: Int, pageCount: Int, pageSize: Int,
    isExact: Bool = false
  ) throws(KernelError) {
    self.device = device
    self.pageSize = pageSize
    let sizes = Sizes(c, table: device.table, maxRows: maxRows, maxSequences: maxSequences)
    let contextPages = (c.contextLength + pageSize - 1) / pageSize + 1
    let largest = StepInputs.Size(
      rows: maxRows, sequences: maxSequences, pages: maxSequences * min(contextPages, pageCount),
      logitRows: 2 * maxRows + max(maxRows, maxSequences), draws: max(maxRows, maxSequences))
    block = try StagingBlock(on: device, bytes: StepInputs.bytes(largest))
    inputs = try StepInputs(in: block, StepInputs.Size())
    let narrow = isExact ? .f32 : device.table.activationType
    residual = try Activation(on: device, count: maxRows * c.hiddenSize)
    branch = try Activation(on: device, count: maxRows * c.hiddenSize)
    normed = try Activation(on: device, count: maxRows * c.hiddenSize, dtype: narrow)
    fewRowsNorm =
      isExact || device.deferredNormRows == 0
      ? nil
      : try DeferredNorm(on: device, rows: normed, rowCount: device.deferredNormRows, columns: c.hiddenSize)
    gateUp = try Activation(on: device, count: maxRows * sizes.wide)
    qkv = Activation(sharing: gateUp, dtype: narrow)
    heads = try Activation(on: device, count: maxRows * c.headCount * c.headDimension, dtype: narrow)
    gated = try Activation(on: device, count: maxRows * c.intermediateSize, dtype: narrow)
    logitChunk = sizes.logitChunk
    logitHidden = try Activation(
      on: device, count: logitChunk * c.hiddenSize, dtype: device.table.hasFusedOps ? .f32 : narrow)
    logits = try device.allocate(Float.self, count: logitChunk * c.vocabularySize)
    hiddenStates = try Activation(on: device, count: logitChunk * c.hiddenSize)
    workspace = try device.allocate(bytes: sizes.workspace)
  }

  /// Element counts that depend on the shape only.
  private struct Sizes {
    let wide: Int
    let logitChunk: Int
    let workspace: Int

    init(_ c: ModelConfiguration, table: KernelTable, maxRows: Int, maxSequences: Int) {
      let query = c.headCount * c.headDimension
      let queryKeyValue = query + 2 * c.keyValueHeadCount * c.headDimension
      // Gate and up exist as such only where products do not gate their output.
      wide = table.hasFusedOps ? queryKeyValue : max(2 * c.intermediateSize, queryKeyValue)
      let outputs = max(2 * c.intermediateSize, queryKeyValue, c.hiddenSize)
      // Logits of a large vocabulary are computed in chunks of rows, so that they take little memory. A device with
      // memory of its own has enough to draw for all sequences at once.
      let most = table.hasSeparateMemory ? 512 << 20 : 64 << 20
      logitChunk = max(1, min(max(maxSequences, 16), most / (4 * c.vocabularySize)))
      let columns = max(c.hiddenSize, query, c.intermediateSize)
      workspace = [
        Workspace.linear(table, rows: maxRows, columns: columns, outputs: outputs),
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
    return 4 * (maxRows * perRow + sizes.logitChunk * (2 * c.hiddenSize + c.vocabularySize)) + sizes.workspace
  }

  /// Starts a step of this size.
  func begin(_ size: StepInputs.Size) throws(KernelError) {
    rows = 0
    inputs = try StepInputs(in: block, size)
  }

  /// Adds a sequence's rows at positions `start`...; returns the first row's index.
  /// - Parameters:
  ///   - token: the input at an offset, 0..<count.
  ///   - page: the sequence's page at an index, 0..<pageCount.
  func append(
    count: Int, start: Int, pageCount: Int, token: (Int) -> Int32, page: (Int) -> Int32
  ) throws(KernelError) -> Int {
    let first = rows
    guard first + count <= inputs.ids.count, (start + count - 1) / pageSize < pageCount else {
      throw KernelError(status: 1, operation: "step larger than its plan")
    }
    for offset in 0..<count {
      let position = start + offset
      inputs.ids[first + offset] = token(offset)
      inputs.positions[first + offset] = Int32(position)
      inputs.cacheSlots[first + offset] = page(position / pageSize) * Int32(pageSize) + Int32(position % pageSize)
    }
    rows += count
    try inputs.sequences.append(
      rowStart: first, rowCount: count, length: start + count, pageCount: pageCount, page: page)
    return first
  }

  /// Adds a row that belongs to no sequence; only for devices that leave such rows out.
  func appendIdleRow() throws(KernelError) -> Int {
    let row = rows
    guard row < inputs.ids.count else { throw KernelError(status: 1, operation: "step larger than its plan") }
    inputs.ids[row] = 0
    inputs.positions[row] = 0
    inputs.cacheSlots[row] = -1
    rows += 1
    try inputs.sequences.append(rowStart: row, rowCount: 0, length: 0, pageCount: 0, page: { _ in 0 })
    return row
  }

  /// Sends the step's inputs to the device.
  func send() throws(KernelError) { try block.send() }
}
