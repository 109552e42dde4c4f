/// Why a generation ended before its own end.
package enum AbortReason: Error, Equatable {
  /// `Generator.cancel` or the reader went away.
  case cancelled
  case shuttingDown
  /// The device refused a step; the status is the kernel table's.
  case deviceFailed(status: Int32)
  /// The logits held no finite value (broken weights or overflow).
  case invalidLogits
}
