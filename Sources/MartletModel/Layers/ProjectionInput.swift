import MartletCompute

/// What a projection reads: rows as they are, or rows that it norms on the way in.
struct ProjectionInput {
  let x: Activation
  let norm: Norm?
}
