/// Where tensor bytes live: in a mapped file, or in memory that was filled with random weights.
package enum CheckpointStorage: Sendable {
  case file(MappedFile)
  case memory(RandomWeights)

  package func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    switch self {
    case .file(let file): unsafe file.bytes(range)
    case .memory(let weights): unsafe weights.bytes(range)
    }
  }

  /// Gives the memory of a range back after its content was copied elsewhere.
  package func release(_ range: Range<Int>) {
    switch self {
    case .file(let file): file.release(range)
    case .memory(let weights): weights.release(range)
    }
  }
}
