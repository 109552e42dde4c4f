import MartletCompute

/// What a projection reads: rows as they are, or rows that it norms on the way in, of which the projection before may
/// have done a part.
struct ProjectionInput {
  let x: Activation
  let norm: Norm?
  let deferred: DeferredNorm?

  init(_ x: Activation, norm: Norm? = nil, deferred: DeferredNorm? = nil) {
    self.x = x
    self.norm = norm
    self.deferred = deferred
  }
}
