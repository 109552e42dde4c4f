import CMartletKernels

extension Device {
  /// Applies a row's bias, penalties and suppressed tokens to logits row `row`, in place.
  package func adjust(_ logits: DeviceArray<Float>, row: Int, vocabulary: Int, _ adjustment: LogitAdjustment)
    throws(KernelError)
  {
    let history = adjustment.history.map {
      mk_history_entry(token: $0.token, generated_count: $0.generatedCount)
    }
    let status = unsafe adjustment.biasTokens.withUnsafeBufferPointer { biasTokens in
      unsafe adjustment.biasValues.withUnsafeBufferPointer { biasValues in
        unsafe history.withUnsafeBufferPointer { history in
          unsafe adjustment.suppressed.withUnsafeBufferPointer { suppressed in
            var native = unsafe mk_adjust_row(
              bias_tokens: biasTokens.baseAddress, bias_values: biasValues.baseAddress, history: history.baseAddress,
              suppressed: suppressed.baseAddress, allowed_mask: nil, bias_count: UInt32(biasTokens.count),
              history_count: UInt32(history.count), suppressed_count: UInt32(suppressed.count),
              repetition: adjustment.repetition, frequency: adjustment.frequency, presence: adjustment.presence)
            return unsafe withUnsafePointer(to: &native) { native in
              var arguments = unsafe mk_adjust_args(
                logits: logits.pointer + row * vocabulary, rows: 1, vocab: UInt32(vocabulary), row: native,
                row_memory: 0)
              return unsafe functions.adjust_logits(stream, &arguments)
            }
          }
        }
      }
    }
    try check(status, "adjust_logits")
  }

  /// Draws a token for each row of logits[rows.count, vocabulary]; -1 where no logit is finite.
  package func sample(
    _ logits: DeviceArray<Float>, vocabulary: Int, rows: [SampleRow], into tokens: DeviceArray<Int32>,
    workspace: DeviceMemory
  ) throws(KernelError) {
    let native = rows.map { row in
      mk_sample_row(
        temperature: row.temperature, top_p: row.topP, min_p: row.minP, top_k: UInt32(clamping: row.topK),
        seed: row.seed, position: row.position)
    }
    let status = unsafe native.withUnsafeBufferPointer { native in
      var arguments = unsafe mk_sample_args(
        logits: logits.pointer, rows: UInt32(native.count), vocab: UInt32(vocabulary), row: native.baseAddress,
        tokens: tokens.pointer, workspace: workspace.pointer, workspace_bytes: workspace.bytes, row_memory: 0)
      return unsafe functions.sample(stream, &arguments)
    }
    try check(status, "sample")
  }

  /// Log-probability of `token` and the best `topCount` alternatives in logits row `row`.
  package func logprobs(
    _ logits: DeviceArray<Float>, row: Int, vocabulary: Int, token: Int32, topCount: Int
  ) throws(KernelError) -> (logprob: Float, top: [(token: Int32, logprob: Float)]) {
    var token = token
    var logprob: Float = 0
    var topTokens = [Int32](repeating: 0, count: topCount)
    var topLogprobs = [Float](repeating: 0, count: topCount)
    let status = unsafe topTokens.withUnsafeMutableBufferPointer { topTokens in
      unsafe topLogprobs.withUnsafeMutableBufferPointer { topLogprobs in
        unsafe withUnsafePointer(to: &token) { token in
          unsafe withUnsafeMutablePointer(to: &logprob) { logprob in
            var arguments = unsafe mk_logprob_args(
              logits: logits.pointer + row * vocabulary, rows: 1, vocab: UInt32(vocabulary), tokens: token,
              token_logprobs: logprob, top_count: UInt32(topTokens.count), top_tokens: topTokens.baseAddress,
              top_logprobs: topLogprobs.baseAddress)
            return unsafe functions.logprobs(stream, &arguments)
          }
        }
      }
    }
    try check(status, "logprobs")
    return (logprob, zip(topTokens, topLogprobs).map { ($0, $1) })
  }
}
