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
    /// Guesses of the row in front of this draw, and the one that the draw before must have repeated.
    let depth: Int
    let guess: Int32?
  }

  let serial: UInt64
  var result: StepResult
  var draws: [Draw] = []
  /// Rows of the plan that want to know what must follow, and their slots.
  var lookingAhead: [(row: Int, slot: SlotIndex)] = []
  /// The drawn tokens, until the host has taken them.
  var tokens: PendingDownload?
}
