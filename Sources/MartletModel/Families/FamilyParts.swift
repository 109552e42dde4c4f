import MartletCompute

/// What a family builds its blocks from.
struct FamilyParts {
  let loader: WeightLoader
  let globalRope: RotaryEmbedding
  /// Of the sliding layers; the same as `globalRope` where the model has one base.
  let localRope: RotaryEmbedding
  /// A layer each.
  let cache: [KVLayer]
}
