/// Why a generation ended.
package enum FinishReason: Sendable, Equatable {
  case stopToken(TokenID)
  case length
  case aborted(AbortReason)
}
