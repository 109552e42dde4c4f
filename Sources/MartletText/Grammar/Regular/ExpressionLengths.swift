/// How short an expression's texts can be. Sums saturate at `Int32.max`.
struct ExpressionLengths: Sendable {
  let shortest: Int32
  /// At least the number of bytes that complete any beginning.
  let completion: Int32

  static let unknown = ExpressionLengths(shortest: Int32.max, completion: Int32.max)

  func followed(by next: ExpressionLengths) -> ExpressionLengths {
    ExpressionLengths(
      shortest: Self.sum(shortest, next.shortest),
      completion: max(Self.sum(completion, next.shortest), next.completion))
  }

  func repeated(_ minimum: Int32) -> ExpressionLengths {
    let (product, isOver) = shortest.multipliedReportingOverflow(by: minimum)
    let least = isOver ? Int32.max : product
    return ExpressionLengths(shortest: least, completion: Self.sum(completion, least))
  }

  private static func sum(_ left: Int32, _ right: Int32) -> Int32 {
    let (result, isOver) = left.addingReportingOverflow(right)
    return isOver ? Int32.max : result
  }
}
