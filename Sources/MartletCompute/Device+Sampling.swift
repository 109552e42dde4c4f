import CMartletKernels

extension Device {
  /// Applies bias, penalties, suppressed tokens and masks to logits [adjustments.count, vocabulary], in place; nil leaves a
  /// row as it is.
  package func adjust(_ logits: DeviceArray<Float>, vocabulary: Int, _ adjustments: [LogitAdjustment?])
    throws(KernelError)
  {
    guard adjustments.contains(where: { $0 != nil }) else { return }
    let lists = AdjustmentLists(adjustments)
    let status = unsafe lists.withRows { rows in
      var arguments = unsafe mk_adjust_args(
        logits: logits.pointer, rows: UInt32(rows.count), vocab: UInt32(vocabulary), row: rows.baseAddress,
        row_memory: UInt32(MK_HOST_MEMORY))
      return unsafe functions.adjust_logits(stream, &arguments)
    }
    try check(status, "adjust_logits")
  }

  /// Draws a token for each of `count` rows of logits [count, vocabulary]; -1 where no logit is finite. Row i is drawn as
  /// `rows` says at `start + i`.
  package func sample(
    _ logits: DeviceArray<Float>, vocabulary: Int, rows: SampleRows, start: Int, count: Int,
    into tokens: DeviceArray<Int32>, workspace: DeviceMemory
  ) throws(KernelError) {
    var arguments = unsafe mk_sample_args(
      logits: logits.pointer, rows: UInt32(count), vocab: UInt32(vocabulary), row: rows.suffix(from: start).pointer,
      tokens: tokens.pointer, workspace: workspace.pointer, workspace_bytes: workspace.bytes,
      row_memory: UInt32(MK_DEVICE_MEMORY))
    try check(unsafe functions.sample(stream, &arguments), "sample")
  }

  /// For each of the logits rows `firstRow`...: the log-probability of its token, and the best `topCount` alternatives.
  /// Waits for them.
  package func logprobs(
    _ logits: DeviceArray<Float>, firstRow: Int, vocabulary: Int, tokens: [Int32], topCount: Int
  ) throws(KernelError) -> [(logprob: Float, top: [(token: Int32, logprob: Float)])] {
    var logprobs = [Float](repeating: 0, count: tokens.count)
    var topTokens = [Int32](repeating: 0, count: topCount * tokens.count)
    var topLogprobs = [Float](repeating: 0, count: topCount * tokens.count)
    let rows = logits.suffix(from: firstRow * vocabulary)
    let status = unsafe topTokens.withUnsafeMutableBufferPointer { topTokens in
      unsafe topLogprobs.withUnsafeMutableBufferPointer { topLogprobs in
        unsafe tokens.withUnsafeBufferPointer { tokens in
          unsafe logprobs.withUnsafeMutableBufferPointer { logprobs in
            var arguments = unsafe mk_logprob_args(
              logits: rows.pointer, rows: UInt32(tokens.count), vocab: UInt32(vocabulary), tokens: tokens.baseAddress,
              token_logprobs: logprobs.baseAddress, top_count: UInt32(topCount), top_tokens: topTokens.baseAddress,
              top_logprobs: topLogprobs.baseAddress)
            return unsafe functions.logprobs(stream, &arguments)
          }
        }
      }
    }
    try check(status, "logprobs")
    return logprobs.indices.map { row in
      (logprobs[row], (row * topCount..<(row + 1) * topCount).map { (topTokens[$0], topLogprobs[$0]) })
    }
  }
}
