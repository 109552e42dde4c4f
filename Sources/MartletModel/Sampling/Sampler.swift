/// Main path 6/8: logits become tokens and log-probabilities.
import MartletCompute
import MartletCore

/// Draws tokens for slots. Holds what sampling needs to remember for each slot; owned by the executor.
struct Sampler {
  /// One row of logits that wants a token.
  struct Draw {
    let slot: SlotIndex
    /// Tokens of the sequence so far: the drawn token's absolute position.
    let position: Int
  }

  struct Outcome {
    let token: TokenID
    let logprobs: TokenLogprobs?
  }

  private struct SlotState {
    let request: GenerationRequest
    var generatedCount: Int
    /// Occurrences by token, kept only when a penalty is on; prompt tokens count 0.
    var history: [Int32: UInt32]?
  }

  private let vocabulary: Int
  private var slots: [SlotIndex: SlotState] = [:]
  private let tokens: DeviceArray<Int32>

  init(device: Device, vocabulary: Int, maxRows: Int) throws(KernelError) {
    self.vocabulary = vocabulary
    tokens = try device.allocate(Int32.self, count: maxRows)
  }

  mutating func admit(_ admission: SlotAdmission) {
    let sampling = admission.request.sampling
    var history: [Int32: UInt32]?
    if sampling.repetitionPenalty != 1 || sampling.frequencyPenalty != 0 || sampling.presencePenalty != 0 {
      var counts: [Int32: UInt32] = [:]
      if sampling.repetitionPenalty != 1 { for token in admission.request.prompt { counts[token.rawValue] = 0 } }
      for token in admission.generated { counts[token.rawValue, default: 0] += 1 }
      history = counts
    }
    slots[admission.slot] = SlotState(
      request: admission.request, generatedCount: admission.generated.count, history: history)
  }

  mutating func release(_ slot: SlotIndex) { slots[slot] = nil }

  /// Draws from logits[draws.count, vocabulary], which is changed in place.
  mutating func draw(
    _ draws: [Draw], logits: DeviceArray<Float>, device: Device, workspace: DeviceMemory
  ) throws(KernelError) -> [Outcome] {
    // A row that reports log-probabilities keeps the values of its own distribution, so they are taken before the
    // adjustments; the drawn token is not known yet, so the raw row is copied.
    var raw: [Int: [Float]] = [:]
    for (row, draw) in draws.enumerated() where slots[draw.slot]?.request.logprobs.output == true {
      raw[row] = unsafe Array(logits.host[(row * vocabulary)..<((row + 1) * vocabulary)])
    }
    var sampleRows: [SampleRow] = []
    for (row, draw) in draws.enumerated() {
      guard let state = slots[draw.slot] else {
        sampleRows.append(SampleRow(temperature: 0, topP: 1, minP: 0, topK: 0, seed: 0, position: 0))
        continue
      }
      let sampling = state.request.sampling
      if let adjustment = adjustment(state) {
        try device.adjust(logits, row: row, vocabulary: vocabulary, adjustment)
      }
      sampleRows.append(
        SampleRow(
          temperature: sampling.temperature, topP: sampling.topP, minP: sampling.minP, topK: sampling.topK,
          seed: sampling.seed, position: UInt64(draw.position)))
    }
    try device.sample(logits, vocabulary: vocabulary, rows: sampleRows, into: tokens, workspace: workspace)
    try device.synchronize()
    var outcomes: [Outcome] = []
    for (row, draw) in draws.enumerated() {
      let token = unsafe tokens.host[row]
      var logprobs: TokenLogprobs?
      if token >= 0, let values = raw[row], let options = slots[draw.slot]?.request.logprobs {
        for (index, value) in values.enumerated() { unsafe logits.host[row * vocabulary + index] = value }
        logprobs = try Self.logprobs(
          logits, row: row, vocabulary: vocabulary, token: token, options: options, device: device)
      }
      slots[draw.slot]?.generatedCount += 1
      slots[draw.slot]?.history?[token, default: 0] += 1
      outcomes.append(Outcome(token: TokenID(token), logprobs: logprobs))
    }
    return outcomes
  }

  /// What `options` asks for about a given token in an unchanged row.
  static func logprobs(
    _ logits: DeviceArray<Float>, row: Int, vocabulary: Int, token: Int32, options: LogprobOptions, device: Device
  ) throws(KernelError) -> TokenLogprobs {
    let (logprob, top) = try device.logprobs(
      logits, row: row, vocabulary: vocabulary, token: token, topCount: min(options.topCount, vocabulary))
    let values = unsafe logits.host[(row * vocabulary)..<((row + 1) * vocabulary)]
    let normalizer = unsafe values[row * vocabulary + Int(token)] - logprob
    return TokenLogprobs(
      token: TokenID(token), logprob: logprob,
      top: top.map { TokenLogprobs.Alternative(token: TokenID($0.token), logprob: $0.logprob) },
      selected: options.tokens.map { token in
        unsafe TokenLogprobs.Alternative(
          token: token, logprob: values[row * vocabulary + Int(token.rawValue)] - normalizer)
      })
  }

  private func adjustment(_ state: SlotState) -> LogitAdjustment? {
    let sampling = state.request.sampling
    let suppresses = state.generatedCount < state.request.stop.minTokens && !state.request.stop.stopTokens.isEmpty
    guard !sampling.bias.isEmpty || state.history != nil || suppresses else { return nil }
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
    if suppresses { adjustment.suppressed = state.request.stop.stopTokens.map(\.rawValue).filter(tokens.contains) }
    return adjustment
  }
}
