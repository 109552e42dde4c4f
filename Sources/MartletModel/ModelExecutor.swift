/// Main path 5/8: a step plan becomes rows on the device, a forward pass, and sampled tokens.
package import MartletCompute
package import MartletCore

/// Runs a model on one device. Lives on the engine thread.
package struct ModelExecutor: StepExecutor {
  private let batch: BatchLayout
  private let model: DecoderModel
  private var sampler: Sampler
  private var requests: [SlotIndex: GenerationRequest] = [:]
  private var lastTokens: [SlotIndex: TokenID] = [:]
  private var finished: [(serial: UInt64, result: StepResult)] = []
  private var serial: UInt64 = 0
  private let vocabulary: Int

  /// Loads the weights and takes all memory.
  package init(
    device: Device, checkpoint: Checkpoint, plan: MemoryPlan, progress: @escaping (Double) -> Void = { _ in }
  ) throws(ModelError) {
    let c = checkpoint.configuration
    vocabulary = c.vocabularySize
    do throws(KernelError) {
      batch = try BatchLayout(
        device: device, configuration: c, maxRows: plan.maxBatchedTokens, maxSequences: plan.maxRunningRequests,
        pageCount: plan.pageCount, pageSize: plan.pageSize)
      sampler = try Sampler(device: device, vocabulary: vocabulary, maxRows: batch.logitChunk)
      var cache: [KVLayer] = []
      for _ in 0..<c.layerCount {
        cache.append(
          try KVLayer(
            on: device, dtype: plan.cacheType, pages: plan.pageCount, pageSize: plan.pageSize,
            heads: c.keyValueHeadCount, headDimension: c.headDimension))
      }
      self.cache = cache
    } catch { throw .kernel(error) }
    let loader = WeightLoader(
      device: device, checkpoint: checkpoint, dequantizes: plan.dequantizes, progress: progress)
    model = try ModelCatalog.model(loader, cache: cache, maxRows: plan.maxBatchedTokens)
  }

  private let cache: [KVLayer]

  package mutating func launch(_ plan: StepPlan) throws(ExecutorError) -> StepTicket {
    for slot in plan.releases {
      sampler.release(slot)
      requests[slot] = nil
      lastTokens[slot] = nil
    }
    for admission in plan.admissions {
      sampler.admit(admission)
      requests[admission.slot] = admission.request
      lastTokens[admission.slot] = admission.generated.last
    }
    serial += 1
    do { finished.append((serial, try run(plan))) } catch {
      throw .kernel(status: error.status, operation: error.operation)
    }
    return StepTicket(serial: serial)
  }

  package mutating func collect(_ ticket: consuming StepTicket) throws(ExecutorError) -> StepResult {
    guard let index = finished.firstIndex(where: { $0.serial == ticket.serial }) else { return StepResult(rows: []) }
    return finished.remove(at: index).result
  }

  /// Rows of logits to compute: to score a prompt token, or to draw one.
  private enum Wanted {
    case score(row: Int, token: Int32)
    case draw(row: Int)
  }

  private mutating func run(_ plan: StepPlan) throws(KernelError) -> StepResult {
    var result = StepResult(rows: plan.rows.map { _ in StepResult.Row() })
    guard !plan.rows.isEmpty else { return result }
    batch.removeAll()
    var wanted: [Wanted] = []
    for (index, row) in plan.rows.enumerated() {
      let tokens = inputTokens(row)
      guard batch.hasRoom(rows: tokens.count, pages: row.pages.count) else {
        throw KernelError(status: 1, operation: "step larger than its plan")
      }
      let first = batch.append(tokens: tokens, start: row.start, pages: row.pages.map(\.rawValue))
      for offset in row.promptLogprobs {
        let next = row.start + offset + 1
        guard let prompt = requests[row.slot]?.prompt, next < prompt.count else { continue }
        want(.score(row: index, token: prompt[next].rawValue), at: first + offset, &wanted)
      }
      if row.samples { want(.draw(row: index), at: first + tokens.count - 1, &wanted) }
    }
    try model(batch)
    var done = 0
    while done < wanted.count {
      let count = min(batch.logitChunk, wanted.count - done)
      try finish(wanted[done..<(done + count)], plan: plan, result: &result)
      done += count
    }
    return result
  }

  private func want(_ kind: Wanted, at batchRow: Int, _ wanted: inout [Wanted]) {
    unsafe batch.logitRows.host[wanted.count] = Int32(batchRow)
    wanted.append(kind)
  }

  private func inputTokens(_ row: StepRow) -> [Int32] {
    switch row.input {
    case .tokens(let tokens): tokens.map(\.rawValue)
    case .lastSampled: [max(0, lastTokens[row.slot]?.rawValue ?? 0)]
    }
  }

  /// Logits of one chunk of wanted rows: scores first (they need untouched rows), then draws.
  private mutating func finish(
    _ wanted: ArraySlice<Wanted>, plan: StepPlan, result: inout StepResult
  ) throws(KernelError) {
    let device = batch.device
    try device.gather(
      batch.normed, rows: batch.rows, columns: model.finalNorm.columns, indices: batch.logitRows,
      offset: wanted.startIndex, count: wanted.count, into: batch.logitHidden)
    try model.head(batch.logitHidden, count: wanted.count, into: batch.logits, batch)
    try device.synchronize()
    var draws: [(chunkRow: Int, planRow: Int)] = []
    for (chunkRow, kind) in wanted.enumerated() {
      switch kind {
      case .score(let row, let token):
        let options = requests[plan.rows[row].slot]?.logprobs ?? .none
        result.rows[row].promptLogprobs.append(
          try Sampler.logprobs(
            batch.logits, row: chunkRow, vocabulary: vocabulary, token: token, options: options, device: device))
      case .draw(let row): draws.append((chunkRow, row))
      }
    }
    try draw(draws, plan: plan, result: &result)
  }

  private mutating func draw(
    _ draws: [(chunkRow: Int, planRow: Int)], plan: StepPlan, result: inout StepResult
  ) throws(KernelError) {
    guard !draws.isEmpty else { return }
    // Scored rows stand between drawn ones: close the gaps so that the drawn rows are the first ones.
    for (place, draw) in draws.enumerated() where place != draw.chunkRow {
      unsafe (batch.logits.pointer + place * vocabulary).update(
        from: batch.logits.pointer + draw.chunkRow * vocabulary, count: vocabulary)
    }
    let outcomes = try sampler.draw(
      draws.map { draw in
        let row = plan.rows[draw.planRow]
        return Sampler.Draw(slot: row.slot, position: row.start + row.input.count)
      }, logits: batch.logits, device: batch.device, workspace: batch.workspace)
    for (draw, outcome) in zip(draws, outcomes) {
      result.rows[draw.planRow].sampled = [outcome.token]
      if let logprobs = outcome.logprobs { result.rows[draw.planRow].logprobs = [logprobs] }
      lastTokens[plan.rows[draw.planRow].slot] = outcome.token
    }
  }
}
