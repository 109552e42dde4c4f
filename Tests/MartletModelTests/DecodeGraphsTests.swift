import Testing

@testable import MartletModel

@Suite struct DecodeGraphsTests {
  @Test(arguments: [1, 3, 64, 100, 256, 1000]) func everyStepFitsASmallBucket(largest: Int) {
    let graphs = DecodeGraphs(largest: largest)
    #expect(graphs.buckets.last == largest)
    for count in 1...largest {
      let bucket = graphs.bucket(for: count) ?? 0
      #expect(bucket >= count && bucket <= max(2 * count, 1))
    }
    #expect(graphs.bucket(for: largest + 1) == nil)
  }

  @Test func theSmallestIsRecordedFirst() { #expect(DecodeGraphs(largest: 64).nextToRecord == 1) }
}
