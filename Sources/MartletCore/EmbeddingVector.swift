/// A prompt's vector, scaled to length 1.
package struct EmbeddingVector: Sendable, Equatable {
  package let values: [Float]

  /// - Parameters:
  ///   - pooled: the pooled hidden state.
  ///   - dimensions: keeps the first so many values, and scales these; nil keeps all.
  package init(pooled: [Float], dimensions: Int? = nil) {
    let kept = pooled.prefix(max(0, dimensions ?? pooled.count))
    let length = kept.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    values = length > 0 ? kept.map { Float(Double($0) / length) } : Array(kept)
  }
}
