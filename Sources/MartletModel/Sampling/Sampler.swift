/// Main path 6/8: logits become tokens and log-probabilities.
import MartletCompute
import MartletCore

/// What sampling remembers for each slot, and what is done to logits before and after a draw; owned by the executor.
struct Sampler {
  /// Shared by nobody but its slot: reading a part of it copies nothing.
  private final class SlotState {
    let request: GenerationRequest
    let tenancy: UInt64
    /// Tokens drawn by launched steps, whether or not the host has seen them.
    var drawnCount: Int
    /// Occurrences by token, kept only when a penalty is on; prompt tokens count 0. Lags behind `drawnCount` by the
    /// steps that are not settled.
    var history: [Int32: UInt32]?
    /// Lags behind like `history`.
    var constraint: (any TokenConstraintState)?

    init(
      request: GenerationRequest, tenancy: UInt64, drawnCount: Int, history: [Int32: UInt32]?,
      constraint: (any TokenConstraintState)?
    ) {
      self.request = request
      self.tenancy = tenancy
      self.drawnCount = drawnCount
      self.history = history
      self.constraint = constraint
    }
  }

  /// Tokens that are looked for behind a draw.
  private static let forcedLimit = 24

  private let vocabulary: Int
  private var slots: [SlotIndex: SlotState] = [:]
  private var tenancies: UInt64 = 0
  /// Where the constraint of the last drawn row is behind its guesses, for those that a later chunk of logits draws; nil
  /// behind one that it does not allow.
  private var guessed: (any TokenConstraintState)?

  init(vocabulary: Int) { self.vocabulary = vocabulary }

  mutating func admit(_ admission: SlotAdmission) {
    let sampling = admission.request.sampling
    var history: [Int32: UInt32]?
    if sampling.repetitionPenalty != 1 || sampling.frequencyPenalty != 0 || sampling.presencePenalty != 0 {
      var counts: [Int32: UInt32] = [:]
      if sampling.repetitionPenalty != 1 { for token in admission.request.prompt { counts[token.rawValue] = 0 } }
      for token in admission.generated { counts[token.rawValue, default: 0] += 1 }
      history = counts
    }
    tenancies += 1
    slots[admission.slot] = SlotState(
      request: admission.request, tenancy: tenancies, drawnCount: admission.generated.count, history: history,
      constraint: admission.request.constraint?.state(after: admission.generated))
  }

  mutating func release(_ slot: SlotIndex) { slots[slot] = nil }

  func request(_ slot: SlotIndex) -> GenerationRequest? { slots[slot]?.request }

  /// Names the slot's present tenant.
  func tenancy(_ slot: SlotIndex) -> UInt64 { slots[slot]?.tenancy ?? 0 }

  /// Whether the slot's next draw depends on tokens that the host must have seen: those of penalties and constraints.
  func needsHistory(_ slot: SlotIndex) -> Bool {
    slots[slot].map { $0.history != nil || $0.constraint != nil } ?? false
  }

  /// Whether the slot's next draw takes the logits as they are and reports the token alone.
  func drawsPlainly(_ slot: SlotIndex) -> Bool {
    guard let state = slots[slot] else { return true }
    return !state.request.logprobs.output && !isAdjusted(state)
  }

  /// How the slot's next token is drawn; `position` is its absolute position.
  func row(_ slot: SlotIndex, position: Int) -> SampleRow {
    guard let sampling = slots[slot]?.request.sampling else {
      return SampleRow(temperature: 0, topP: 1, minP: 0, topK: 0, seed: 0, position: 0)
    }
    return SampleRow(
      temperature: sampling.temperature, topP: sampling.topP, minP: sampling.minP, topK: sampling.topK,
      seed: sampling.seed, position: UInt64(position))
  }

  /// Counts a token that a launched step draws.
  mutating func launched(_ slot: SlotIndex) { slots[slot]?.drawnCount += 1 }

  /// Takes in tokens that are written in the model's place; all that the slot drew must be settled.
  mutating func write(_ tokens: ArraySlice<TokenID>, _ slot: SlotIndex) {
    for token in tokens {
      launched(slot)
      settle(slot, tenancy: tenancy(slot), token: token.rawValue)
    }
  }

  /// Takes in a drawn token once the host has it.
  mutating func settle(_ slot: SlotIndex, tenancy: UInt64, token: Int32) {
    guessed = nil
    guard slots[slot]?.tenancy == tenancy else { return }
    slots[slot]?.history?[token, default: 0] += 1
    slots[slot]?.constraint?.advance(TokenID(token))
  }

  /// Tokens that must follow what the slot has drawn, as far as its constraint knows.
  mutating func forced(_ slot: SlotIndex) -> [TokenID] {
    slots[slot]?.constraint?.forced(limit: Self.forcedLimit) ?? []
  }

  /// Draws from logits [draws.count, vocabulary], which are changed in place, into `tokens`. Row i is drawn as `rows`
  /// says at `start + i`; draws behind guesses follow those in front of them. Returns log-probabilities by row, for the
  /// rows that report them; then the call has waited for the device.
  mutating func draw(
    _ draws: ArraySlice<StepWork.Draw>, rows: SampleRows, start: Int, into tokens: DeviceArray<Int32>,
    batch: BatchLayout
  ) throws(KernelError) -> [Int: TokenLogprobs] {
    let device = batch.device
    var reported: [(row: Int, options: LogprobOptions)] = []
    // Log-probabilities are of the row before its adjustments, but the drawn token is not known yet: the raw row is kept.
    var raw: [(row: Int, values: [Float])] = []
    let masks = masks(draws, device)
    let adjustments = draws.enumerated().map { row, draw in
      slots[draw.slot].flatMap { adjustment($0, allowed: masks[row]) }
    }
    for (row, draw) in draws.enumerated() {
      guard let options = slots[draw.slot]?.request.logprobs, options.output else { continue }
      reported.append((row, options))
      guard adjustments[row] != nil else { continue }
      raw.append((row, try device.download(batch.logits.suffix(from: row * vocabulary), count: vocabulary)))
    }
    try device.adjust(batch.logits, vocabulary: vocabulary, adjustments)
    try device.sample(
      batch.logits, vocabulary: vocabulary, rows: rows, start: start, count: draws.count, into: tokens,
      workspace: batch.workspace)
    guard !reported.isEmpty else { return [:] }
    let drawn = try device.download(tokens, count: draws.count)
    for (row, values) in raw { try device.upload(values, to: batch.logits.suffix(from: row * vocabulary)) }
    let wishes = reported.filter { drawn[$0.row] >= 0 }.map {
      LogprobReader.Wish(row: $0.row, token: drawn[$0.row], options: $0.options)
    }
    let answers = try LogprobReader(device: device, logits: batch.logits, vocabulary: vocabulary).read(wishes)
    return Dictionary(uniqueKeysWithValues: zip(wishes.map(\.row), answers))
  }

  private func suppresses(_ state: SlotState) -> Bool {
    state.drawnCount < state.request.stop.minTokens && !state.request.stop.stopTokens.isEmpty
  }

  private func isAdjusted(_ state: SlotState) -> Bool {
    !state.request.sampling.bias.isEmpty || state.history != nil || suppresses(state) || state.constraint != nil
  }

  /// The masks of the draws' constraints, by draw, over the model's vocabulary.
  private mutating func masks(_ draws: ArraySlice<StepWork.Draw>, _ device: Device) -> [[UInt32]?] {
    var runs: [ConstraintRun] = []
    for draw in draws {
      if draw.guess == nil || runs.isEmpty {
        runs.append(ConstraintRun(state: draw.guess == nil ? slots[draw.slot]?.constraint : guessed))
      }
      runs[runs.count - 1].guesses.append(draw.guess)
    }
    guessed = nil
    guard runs.contains(where: { $0.state != nil }) else { return draws.map { _ in nil } }
    let walked = device.map(runs) { $0.walked() }
    guessed = walked.last?.state
    let count = (vocabulary + 31) / 32
    return walked.flatMap(\.masks).map { mask in
      guard let mask, mask.count < count else { return mask }
      return mask + [UInt32](repeating: 0, count: count - mask.count)
    }
  }

  private func adjustment(_ state: SlotState, allowed: [UInt32]?) -> LogitAdjustment? {
    guard isAdjusted(state) else { return nil }
    let sampling = state.request.sampling
    var adjustment = LogitAdjustment()
    // Ids that the model does not have change nothing; the kernel refuses them.
    let tokens = 0..<Int32(vocabulary)
    let bias = sampling.bias.filter { tokens.contains($0.token.rawValue) }
    adjustment.biasTokens = bias.map(\.token.rawValue)
    adjustment.biasValues = bias.map(\.value)
    if let history = state.history {
      adjustment.history = history.map { LogitAdjustment.HistoryEntry(token: $0.key, generatedCount: $0.value) }
      adjustment.repetition = sampling.repetitionPenalty
      adjustment.frequency = sampling.frequencyPenalty
      adjustment.presence = sampling.presencePenalty
    }
    adjustment.allowed = allowed
    if suppresses(state) {
      let ends = state.request.stop.stopTokens.map(\.rawValue).filter(tokens.contains)
      if Self.leavesTokens(adjustment.allowed, without: ends) { adjustment.suppressed = ends }
    }
    return adjustment
  }

  /// Whether a mask allows more than `ends`: a text that is complete ends, however short.
  private static func leavesTokens(_ mask: [UInt32]?, without ends: [Int32]) -> Bool {
    guard var words = mask else { return true }
    for token in ends where Int(token >> 5) < words.count { words[Int(token >> 5)] &= ~(1 << UInt32(token & 31)) }
    return words.contains { $0 != 0 }
  }
}
