package import MartletText

/// The figures of one load, in the fields of SGLang's bench_serving.
package struct BenchMetrics {
  /// A distribution in milliseconds.
  struct Distribution {
    let name: String
    let title: String
    let sorted: [Double]

    init(_ name: String, _ title: String, seconds: [Double]) {
      self.name = name
      self.title = title
      sorted = seconds.map { $0 * 1000 }.sorted()
    }

    var mean: Double { sorted.isEmpty ? 0 : sorted.reduce(0, +) / Double(sorted.count) }

    var deviation: Double {
      guard !sorted.isEmpty else { return 0 }
      let mean = mean
      return (sorted.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(sorted.count)).squareRoot()
    }

    func percentile(_ percent: Double) -> Double { Percentiles(sorted: sorted)[percent] }
  }

  package let completed: Int
  package let failed: Int
  let duration: Double
  let inputTokens: Int
  let outputTokens: Int
  let cachedTokens: Int
  let distributions: [Distribution]
  /// Mean number of requests in flight.
  let concurrency: Double
  /// Requests a second that met every limit; nil without limits.
  let goodput: Double?

  package init(_ outcomes: [BenchOutcome], duration: Double, goodput limits: BenchGoodput?) {
    let good = outcomes.filter { $0.error == nil }
    completed = good.count
    failed = outcomes.count - good.count
    self.duration = duration
    inputTokens = good.reduce(0) { $0 + $1.inputTokens }
    outputTokens = good.reduce(0) { $0 + $1.outputTokens }
    cachedTokens = good.reduce(0) { $0 + $1.cachedTokens }
    distributions = [
      Distribution("e2e_latency", "End-to-end latency", seconds: good.map(\.latency)),
      Distribution("ttft", "Time to first token", seconds: good.compactMap(\.firstToken)),
      Distribution("tpot", "Time per output token", seconds: good.compactMap(\.timePerToken)),
      Distribution("itl", "Inter-token latency", seconds: good.flatMap(\.gaps)),
    ]
    concurrency = duration > 0 ? good.reduce(0) { $0 + $1.latency } / duration : 0
    goodput = limits.map { limits in duration > 0 ? Double(good.count { limits.isMet(by: $0) }) / duration : 0 }
  }

  private func rate(_ count: Int) -> Double { duration > 0 ? Double(count) / duration : 0 }

  package var fields: [(String, JSONValue)] {
    var fields: [(String, JSONValue)] = [
      ("duration", .double(duration)), ("completed", .int(Int64(completed))), ("failed", .int(Int64(failed))),
      ("total_input_tokens", .int(Int64(inputTokens))), ("total_output_tokens", .int(Int64(outputTokens))),
      ("total_cached_tokens", .int(Int64(cachedTokens))), ("request_throughput", .double(rate(completed))),
      ("input_throughput", .double(rate(inputTokens))), ("output_throughput", .double(rate(outputTokens))),
      ("total_throughput", .double(rate(inputTokens + outputTokens))), ("concurrency", .double(concurrency)),
    ]
    if let goodput { fields.append(("goodput", .double(goodput))) }
    for distribution in distributions {
      for (label, value) in [
        ("mean", distribution.mean), ("median", distribution.percentile(50)), ("std", distribution.deviation),
        ("p90", distribution.percentile(90)), ("p95", distribution.percentile(95)),
        ("p99", distribution.percentile(99)),
      ] { fields.append(("\(label)_\(distribution.name)_ms", .double(value))) }
    }
    return fields
  }
}
