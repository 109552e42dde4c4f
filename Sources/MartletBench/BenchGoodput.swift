/// Limits that a request must meet to count, such as `ttft:500 tpot:50` in milliseconds.
package struct BenchGoodput {
  private var limits: [String: Double] = [:]

  /// nil without limits.
  package init?(_ texts: [String]) throws {
    guard !texts.isEmpty else { return nil }
    for text in texts {
      let parts = text.split(separator: ":")
      guard parts.count == 2, ["ttft", "tpot", "e2el"].contains(parts[0]), let limit = Double(parts[1]), limit > 0
      else {
        throw BenchFailure(description: "--goodput \(text): give ttft:MS, tpot:MS or e2el:MS")
      }
      limits[String(parts[0])] = limit / 1000
    }
  }

  func isMet(by outcome: BenchOutcome) -> Bool {
    (outcome.firstToken ?? .infinity) <= limits["ttft"] ?? .infinity
      && (outcome.timePerToken ?? 0) <= limits["tpot"] ?? .infinity && outcome.latency <= limits["e2el"] ?? .infinity
  }
}
