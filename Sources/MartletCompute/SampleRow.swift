/// How one row's token is drawn.
package struct SampleRow: Sendable {
  /// 0 is greedy.
  package let temperature: Float
  package let topP: Float
  package let minP: Float
  /// 0: all.
  package let topK: Int
  package let seed: UInt64
  package let position: UInt64
  package init(temperature: Float, topP: Float, minP: Float, topK: Int, seed: UInt64, position: UInt64) {
    self.temperature = temperature
    self.topP = topP
    self.minP = minP
    self.topK = topK
    self.seed = seed
    self.position = position
  }
}
