package import MartletCore

/// How an answer ended and what it cost.
package struct ResponseEnd: Sendable, Equatable {
  package enum Reason: Sendable, Equatable {
    case stopToken(TokenID)
    case stopString(String)
    case length
    case aborted(AbortReason)
  }

  package let reason: Reason
  package let usage: GenerationUsage
  package init(reason: Reason, usage: GenerationUsage) {
    self.reason = reason
    self.usage = usage
  }
}
