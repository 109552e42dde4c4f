import MartletCompute

/// Recorded decode steps, by the number of rows. A step runs in the smallest graph that holds it, filled up with idle
/// rows.
struct DecodeGraphs {
  /// Sizes that are recorded: fine enough that few rows are computed in vain, few enough to be recorded soon.
  private static let sizes =
    [1, 2, 4, 8] + Array(stride(from: 16, through: 64, by: 8)) + Array(stride(from: 80, through: 256, by: 16))
    + Array(stride(from: 320, through: 1024, by: 64))

  /// Ascending.
  let buckets: [Int]
  private var graphs: [Int: DeviceGraph] = [:]

  /// - Parameter largest: the most rows that a step can have.
  init(largest: Int) {
    let small = Self.sizes.filter { $0 < largest }
    buckets = largest <= Self.sizes[Self.sizes.count - 1] ? small + [largest] : small
  }

  /// The rows of the graph for a step of `count` rows; nil when it is too large for any.
  func bucket(for count: Int) -> Int? { buckets.first { $0 >= count } }

  /// The smallest bucket that is not recorded yet: few requests at a time are the most common.
  var nextToRecord: Int? { buckets.first { graphs[$0] == nil } }

  func graph(_ bucket: Int) -> DeviceGraph? { graphs[bucket] }

  mutating func add(_ graph: DeviceGraph, bucket: Int) { graphs[bucket] = graph }
}
