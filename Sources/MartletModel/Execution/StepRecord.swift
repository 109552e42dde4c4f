import MartletCompute
import MartletCore

/// A step that was launched and not collected.
struct StepRecord {
  /// A token that the step draws.
  struct Draw {
    let planRow: Int
    let slot: SlotIndex
    /// Which of the slot's tenants drew it: the slot may have changed hands since.
    let tenancy: UInt64
  }

  let serial: UInt64
  var result: StepResult
  var draws: [Draw] = []
  /// The drawn tokens, until the host has taken them.
  var tokens: PendingDownload?
}
