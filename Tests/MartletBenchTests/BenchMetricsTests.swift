import MartletText
import Testing

@testable import MartletBench

@Suite struct BenchMetricsTests {
  @Test func percentilesAreLinearBetweenRanks() {
    let distribution = BenchMetrics.Distribution("x", "x", seconds: [0.004, 0.001, 0.003, 0.002])
    #expect(abs(distribution.mean - 2.5) < 1e-9)
    #expect(abs(distribution.percentile(50) - 2.5) < 1e-9)
    #expect(abs(distribution.percentile(90) - 3.7) < 1e-9)
    #expect(abs(distribution.percentile(100) - 4) < 1e-9)
    #expect(abs(distribution.deviation - 1.118_033_988) < 1e-6)
    #expect(BenchMetrics.Distribution("x", "x", seconds: []).percentile(99) == 0)
  }

  @Test func failedRequestsCountForNothingElse() throws {
    var good = BenchOutcome()
    good.firstToken = 0.2
    good.latency = 1.2
    good.inputTokens = 10
    good.outputTokens = 11
    var slow = good
    slow.firstToken = 0.9
    var bad = good
    bad.error = "refused"
    let limits = try #require(try BenchGoodput(["ttft:500", "tpot:150"]))
    let metrics = BenchMetrics([good, slow, bad], duration: 2, goodput: limits)
    #expect(metrics.completed == 2)
    #expect(metrics.failed == 1)
    #expect(metrics.outputTokens == 22)
    #expect(metrics.goodput == 0.5)
    #expect(abs((good.timePerToken ?? 0) - 0.1) < 1e-9)
    #expect(metrics.fields.first { $0.0 == "output_throughput" }?.1.doubleValue == 11)
  }

  @Test(arguments: ["ttft", "ttft:x", "ttft:-1", "foo:5", "ttft:1:2"])
  func limitsThatMeanNothingAreRefused(text: String) {
    #expect(throws: (any Error).self) { try BenchGoodput([text]) }
  }
}
