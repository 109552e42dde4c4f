/// One tensor of a checkpoint, where it lies. `shape` is row-major, slowest dimension first.
package struct CheckpointTensor: Sendable {
  package let name: String
  package let dtype: CheckpointDType
  package let shape: [Int]
  package let storage: CheckpointStorage
  package let range: Range<Int>

  package var count: Int { shape.reduce(1, *) }
  /// All but the last dimension.
  package var rows: Int { shape.dropLast().reduce(1, *) }
  package var columns: Int { shape.last ?? 1 }

  /// The tensor's bytes; valid while this value lives.
  package var bytes: UnsafeRawBufferPointer { unsafe storage.bytes(range) }
}
