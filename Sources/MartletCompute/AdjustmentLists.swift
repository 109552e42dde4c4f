import CMartletKernels

/// The lists of many rows' adjustments, one behind the other, so that one call takes all of them.
struct AdjustmentLists {
  private let adjustments: [LogitAdjustment?]
  private var biasTokens: [Int32] = []
  private var biasValues: [Float] = []
  private var history: [mk_history_entry] = []
  private var suppressed: [Int32] = []
  private var masks: [UInt32] = []

  init(_ adjustments: [LogitAdjustment?]) {
    self.adjustments = adjustments
    masks.reserveCapacity(adjustments.reduce(0) { $0 + ($1?.allowed?.count ?? 0) })
    for case let adjustment? in adjustments {
      biasTokens += adjustment.biasTokens
      biasValues += adjustment.biasValues
      for entry in adjustment.history {
        history.append(mk_history_entry(token: entry.token, generated_count: entry.generatedCount))
      }
      suppressed += adjustment.suppressed
      if let allowed = adjustment.allowed { masks += allowed }
    }
  }

  /// Calls `body` with the rows as kernels take them.
  func withRows(_ body: (UnsafeBufferPointer<mk_adjust_row>) -> mk_status) -> mk_status {
    unsafe biasTokens.withUnsafeBufferPointer { biasTokens in
      unsafe biasValues.withUnsafeBufferPointer { biasValues in
        unsafe history.withUnsafeBufferPointer { history in
          unsafe suppressed.withUnsafeBufferPointer { suppressed in
            unsafe masks.withUnsafeBufferPointer { masks in
              var (bias, entry, token, word) = (0, 0, 0, 0)
              let rows: [mk_adjust_row] = unsafe adjustments.map { adjustment in
                let adjustment = adjustment ?? LogitAdjustment()
                defer {
                  bias += adjustment.biasTokens.count
                  entry += adjustment.history.count
                  token += adjustment.suppressed.count
                  word += adjustment.allowed?.count ?? 0
                }
                return unsafe mk_adjust_row(
                  bias_tokens: biasTokens.baseAddress.map { unsafe $0 + bias },
                  bias_values: biasValues.baseAddress.map { unsafe $0 + bias },
                  history: history.baseAddress.map { unsafe $0 + entry },
                  suppressed: suppressed.baseAddress.map { unsafe $0 + token },
                  allowed_mask: adjustment.allowed == nil ? nil : masks.baseAddress.map { unsafe $0 + word },
                  bias_count: UInt32(adjustment.biasTokens.count), history_count: UInt32(adjustment.history.count),
                  suppressed_count: UInt32(adjustment.suppressed.count), repetition: adjustment.repetition,
                  frequency: adjustment.frequency, presence: adjustment.presence)
              }
              return unsafe rows.withUnsafeBufferPointer { unsafe body($0) }
            }
          }
        }
      }
    }
  }
}
