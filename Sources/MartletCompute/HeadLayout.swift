/// Where the heads lie in a row of fused q, k and v values.
package struct HeadLayout: Sendable {
  package let heads: Int
  /// Values from one row to the next.
  package let stride: Int
  package init(heads: Int, stride: Int) {
    self.heads = heads
    self.stride = stride
  }
}
