/// Main path 5/8: a step plan becomes rows on the device, a forward pass, and sampled tokens.
package import MartletCompute
package import MartletCore

/// Runs a model on one device. Lives on the engine thread.
///
/// `launch` only enqueues, so that a step can be launched while the one before it runs: its rows read their input tokens
/// where that step leaves them, on the device. Two things make `launch` wait: a row that reports log-probabilities or
/// hidden states waits for its own step, and a row with penalties or a constraint for the step before it, whose
/// tokens they depend on.
package struct ModelExecutor: StepExecutor {
  private let batch: BatchLayout
  private let model: DecoderModel
  private let cache: [KVLayer]
  private let vocabulary: Int
  /// [rows]: the step's drawn tokens.
  private let tokens: DeviceArray<Int32>
  /// [slots]: the last token that each drew.
  private let lastTokens: DeviceArray<Int32>
  private var sampler: Sampler
  private var graphs: DecodeGraphs?
  /// Last tokens of slots that have drawn nothing since their admission.
  private var admittedTokens: [SlotIndex: Int32] = [:]
  private var inFlight: [StepRecord] = []
  private var serial: UInt64 = 0

  /// Loads the weights and takes all memory.
  package init(
    device: Device, checkpoint: Checkpoint, plan: MemoryPlan, progress: @escaping (Double) -> Void = { _ in }
  ) throws(ModelError) {
    let c = checkpoint.configuration
    vocabulary = c.vocabularySize
    sampler = Sampler(vocabulary: vocabulary)
    do throws(KernelError) {
      batch = try BatchLayout(
        device: device, configuration: c, maxRows: plan.maxBatchedTokens, maxSequences: plan.maxRunningRequests,
        pageCount: plan.pageCount, pageSize: plan.pageSize, isExact: plan.dequantizes)
      tokens = try device.allocate(Int32.self, count: max(plan.maxBatchedTokens, plan.maxRunningRequests))
      lastTokens = try device.allocate(Int32.self, count: plan.maxRunningRequests)
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
      device: device, checkpoint: checkpoint, dequantizes: plan.dequantizes, quantizes: plan.quantizes,
      progress: progress)
    model = try ModelCatalog.model(loader, cache: cache, maxRows: plan.maxBatchedTokens)
    guard device.table.hasGraphs else { return }
    graphs = DecodeGraphs(largest: min(plan.maxRunningRequests, batch.logitChunk))
    do throws(KernelError) { try recordFirstGraphs() } catch { throw .kernel(error) }
  }

  // MARK: Steps

  package mutating func launch(_ plan: StepPlan) throws(ExecutorError) -> StepTicket {
    for slot in plan.releases {
      sampler.release(slot)
      admittedTokens[slot] = nil
    }
    for admission in plan.admissions {
      sampler.admit(admission)
      admittedTokens[admission.slot] = admission.generated.last?.rawValue ?? 0
    }
    serial += 1
    do { inFlight.append(try run(plan)) } catch {
      throw .kernel(status: error.status, operation: error.operation)
    }
    return StepTicket(serial: serial)
  }

  package mutating func collect(_ ticket: consuming StepTicket) throws(ExecutorError) -> StepResult {
    guard let index = inFlight.firstIndex(where: { $0.serial == ticket.serial }) else { return StepResult(rows: []) }
    do { try settle(index) } catch { throw .kernel(status: error.status, operation: error.operation) }
    var record = inFlight.remove(at: index)
    for (row, slot) in record.lookingAhead where !(record.result.rows[row].sampled.last.map { $0.rawValue < 0 } ?? true)
    {
      record.result.rows[row].forced = sampler.forced(slot)
    }
    return record.result
  }

  /// Waits for a step's tokens and takes them in.
  private mutating func settle(_ index: Int) throws(KernelError) {
    guard let pending = inFlight[index].tokens else { return }
    inFlight[index].tokens = nil
    let tokens = try batch.device.finish(pending)
    for (draw, token) in zip(inFlight[index].draws, tokens) {
      let sampled = inFlight[index].result.rows[draw.planRow].sampled
      // A draw behind a guess counts when all guesses up to it were what was drawn.
      guard sampled.count == draw.depth, draw.guess == nil || sampled.last?.rawValue == draw.guess else { continue }
      inFlight[index].result.rows[draw.planRow].sampled.append(TokenID(token))
      if token < 0 { inFlight[index].result.rows[draw.planRow].logprobs = [] }
      sampler.settle(draw.slot, tenancy: draw.tenancy, token: token)
    }
  }

  private mutating func run(_ plan: StepPlan) throws(KernelError) -> StepRecord {
    var record = StepRecord(serial: serial, result: StepResult(rows: plan.rows.map { _ in StepResult.Row() }))
    guard !plan.rows.isEmpty else { return record }
    for row in plan.rows where row.forcedCount > 0 {
      if case .tokens(let tokens) = row.input { sampler.write(tokens.suffix(row.forcedCount), row.slot) }
    }
    let work = StepWork(plan) { sampler.request($0)?.prompt }
    if work.onlyDecodes, work.draws.allSatisfy({ sampler.drawsPlainly($0.slot) }),
      let bucket = graphs?.bucket(for: plan.rows.count)
    {
      try fill(plan, work, bucket: bucket)
      try runGraph(bucket)
    } else {
      try fill(plan, work, bucket: nil)
      let hidden = try forward()
      // The host waits for earlier tokens, and makes masks of them, while the device computes this step.
      if plan.rows.contains(where: { $0.samples && sampler.needsHistory($0.slot) }) {
        for index in inFlight.indices { try settle(index) }
      }
      try finish(work, hidden: hidden, plan: plan, result: &record.result)
      try keepTokens(work.draws.count)
      try pool(work, hidden: hidden, result: &record.result)
    }
    guard !work.draws.isEmpty else { return record }
    for (index, row) in plan.rows.enumerated() where row.looksAhead { record.lookingAhead.append((index, row.slot)) }
    record.tokens = try batch.device.startDownload(tokens, count: work.draws.count)
    for draw in work.draws {
      record.draws.append(
        .init(
          planRow: draw.planRow, slot: draw.slot, tenancy: sampler.tenancy(draw.slot), depth: draw.depth,
          guess: draw.guess))
      if draw.depth == 0 { sampler.launched(draw.slot) }
      admittedTokens[draw.slot] = nil
    }
    return record
  }

  /// Lays the plan's rows out and sends them; `bucket`: filled up to so many single rows.
  private func fill(_ plan: StepPlan, _ work: StepWork, bucket: Int?) throws(KernelError) {
    var size = work.size
    let padding = bucket.map { $0 - plan.rows.count } ?? 0
    size.rows += padding
    size.sequences += padding
    size.logitRows += padding
    size.draws += padding
    try batch.begin(size)
    var firstRows: [Int] = []
    firstRows.reserveCapacity(plan.rows.count)
    for row in plan.rows {
      let known = admittedTokens[row.slot] ?? ~row.slot.rawValue
      firstRows.append(
        try batch.append(
          count: row.input.count, start: row.start, pageCount: row.pages.count,
          token: { offset in
            switch row.input {
            case .tokens(let tokens): tokens[offset].rawValue
            case .lastSampled: known
            }
          }, page: { row.pages[$0].rawValue }))
    }
    for (index, draw) in work.draws.enumerated() {
      batch.inputs.logitRows[index] = Int32(firstRows[draw.planRow] + draw.offset)
      // Which guesses are right is for the host to see: what follows them names its tokens.
      batch.inputs.drawSlots[index] = plan.rows[draw.planRow].draftCount == 0 ? draw.slot.rawValue : -1
      batch.inputs.sampleRows.append(sampler.row(draw.slot, position: draw.position))
    }
    for (index, score) in work.scores.enumerated() {
      batch.inputs.logitRows[work.draws.count + index] = Int32(firstRows[score.planRow] + score.offset)
    }
    for (index, pool) in work.pools.enumerated() {
      batch.inputs.logitRows[work.draws.count + work.scores.count + index] =
        Int32(firstRows[pool.planRow] + pool.offset)
    }
    try appendPadding(padding, after: work.draws.count)
    try batch.send()
  }

  /// Rows that fill a graph up: they attend to nothing, write nothing and draw for nobody.
  private func appendPadding(_ count: Int, after draws: Int) throws(KernelError) {
    for index in draws..<draws + count {
      batch.inputs.logitRows[index] = Int32(try batch.appendIdleRow())
      batch.inputs.drawSlots[index] = -1
      batch.inputs.sampleRows.append(
        SampleRow(temperature: 0, topP: 1, minP: 0, topK: 0, seed: 0, position: 0))
    }
  }

  // MARK: The forward pass

  private func forward() throws(KernelError) -> ProjectionInput {
    try batch.device.feedTokens(batch.inputs.ids.device, rows: batch.rows, from: lastTokens)
    return try model(batch)
  }

  private func keepTokens(_ count: Int) throws(KernelError) {
    guard count > 0 else { return }
    try batch.device.keepTokens(tokens, slots: batch.inputs.drawSlots.device, rows: count, in: lastTokens)
  }

  /// Logits of the wanted rows, a chunk at a time: its scores first, which need untouched rows, then its draws.
  private mutating func finish(
    _ work: StepWork, hidden: ProjectionInput, plan: StepPlan, result: inout StepResult
  ) throws(KernelError) {
    let total = work.draws.count + work.scores.count
    for start in stride(from: 0, to: total, by: batch.logitChunk) {
      let end = min(start + batch.logitChunk, total)
      try model.logits(
        of: hidden, indices: batch.inputs.logitRows.device.suffix(from: start), count: end - start, into: batch.logits,
        batch)
      let draws = work.draws[min(start, work.draws.count)..<min(end, work.draws.count)]
      let scores = work.scores[max(0, start - work.draws.count)..<max(0, end - work.draws.count)]
      let wishes = scores.enumerated().map { index, score in
        LogprobReader.Wish(
          row: draws.count + index, token: score.token,
          options: sampler.request(plan.rows[score.planRow].slot)?.logprobs ?? .none)
      }
      let answers = try LogprobReader(device: batch.device, logits: batch.logits, vocabulary: vocabulary).read(wishes)
      for (score, answer) in zip(scores, answers) { result.rows[score.planRow].promptLogprobs.append(answer) }
      guard !draws.isEmpty else { continue }
      let logprobs = try sampler.draw(
        draws, rows: batch.inputs.sampleRows, start: start, into: tokens.suffix(from: start), batch: batch)
      for (row, values) in logprobs { result.rows[draws[draws.startIndex + row].planRow].logprobs = [values] }
    }
  }

  /// Reads the hidden states of the wanted rows, a chunk at a time.
  private func pool(_ work: StepWork, hidden: ProjectionInput, result: inout StepResult) throws(KernelError) {
    let first = work.draws.count + work.scores.count
    for start in stride(from: 0, to: work.pools.count, by: batch.logitChunk) {
      let pools = work.pools[start..<min(start + batch.logitChunk, work.pools.count)]
      let values = try model.hiddenStates(
        of: hidden, indices: batch.inputs.logitRows.device.suffix(from: first + start), count: pools.count, batch)
      let size = values.count / pools.count
      for (index, pool) in pools.enumerated() {
        result.rows[pool.planRow].hidden += values[index * size..<(index + 1) * size]
      }
    }
  }

  // MARK: Graphs

  /// Records the smallest and the largest step.
  private mutating func recordFirstGraphs() throws(KernelError) {
    guard let buckets = graphs?.buckets, let smallest = buckets.first, let largest = buckets.last else { return }
    for bucket in Set([smallest, largest]) { try recordIdle(bucket) }
  }

  package mutating func prepareWhileIdle() throws(ExecutorError) -> Bool {
    guard inFlight.isEmpty, let bucket = graphs?.nextToRecord else { return false }
    do throws(KernelError) { try recordIdle(bucket) } catch {
      throw .kernel(status: error.status, operation: error.operation)
    }
    return graphs?.nextToRecord != nil
  }

  /// Records a step of idle rows: what it will be with others.
  private mutating func recordIdle(_ bucket: Int) throws(KernelError) {
    try fill(StepPlan(), StepWork(StepPlan()) { _ in nil }, bucket: bucket)
    try runGraph(bucket)
    try batch.device.synchronize()
  }

  /// Runs the step whose inputs are laid out. The first of its size runs op by op, so that kernels are loaded and
  /// products find their algorithms, and is recorded then.
  private mutating func runGraph(_ bucket: Int) throws(KernelError) {
    if let graph = graphs?.graph(bucket) { return try batch.device.launch(graph) }
    try decode(bucket)
    let graph = try batch.device.record { () throws(KernelError) in try decode(bucket) }
    graphs?.add(graph, bucket: bucket)
  }

  /// A whole step of single rows that draw plainly.
  private func decode(_ rows: Int) throws(KernelError) {
    // Each row is wanted, and in its place.
    try model.logits(of: try forward(), indices: nil, count: rows, into: batch.logits, batch)
    try batch.device.sample(
      batch.logits, vocabulary: vocabulary, rows: batch.inputs.sampleRows, start: 0, count: rows, into: tokens,
      workspace: batch.workspace)
    try keepTokens(rows)
  }
}
