import ArgumentParser
import Foundation
import Martlet
import MartletCore
import MartletModel

/// `martlet bench golden`: a model against logits that a reference computed, on whichever device; for
/// `scripts/gpu/test`.
struct BenchGoldenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "golden", abstract: "Compare models with the logits of a reference (expected.json in their folders).",
    shouldDisplay: false)

  @Argument(help: "Model folders, each with an expected.json.")
  var folders: [String]

  @Option(help: "Largest error of a log-probability, relative to the row's largest logit.")
  var tolerance = 0.03

  @OptionGroup(title: "Engine") var engineFlags: EngineFlags

  private struct Golden: Decodable {
    let prompt: [Int32]
    let generated: [Int32]
    let prefill: Data
    let decode: Data
  }

  func run() async throws {
    var failed = false
    for folder in folders {
      let data = try Data(contentsOf: URL(fileURLWithPath: folder).appendingPathComponent("expected.json"))
      let golden = try JSONDecoder().decode(Golden.self, from: data)
      var options = engineFlags.options
      options.maxRunningRequests = 4
      options.maxTotalTokens = 1024
      var probe = try GoldenProbe(path: folder, options: options)
      let prompt = golden.prompt.map { TokenID($0) }, generated = golden.generated.map { TokenID($0) }
      let rows = try probe.logprobs(prompt: prompt, generated: generated)
      // The prompt's rows but its last, then the decode steps, whose first is that last row.
      let expected = Self.floats(golden.prefill).dropLast(probe.vocabulary) + Self.floats(golden.decode)
      let error = Self.error(rows, Array(expected), vocabulary: probe.vocabulary)
      let greedy = try probe.greedy(prompt: prompt, count: generated.count)
      let agreeing = zip(greedy, generated).prefix { $0 == $1 }.count
      let passes = error <= tolerance
      failed = failed || !passes
      Terminal.out(
        String(
          format: "%@ %@: error %.2e, %d of %d greedy tokens agree", passes ? "ok    " : "FAILED",
          URL(fileURLWithPath: folder).lastPathComponent, error, agreeing, generated.count))
    }
    if failed { throw ExitCode.failure }
  }

  private static func floats(_ data: Data) -> [Float] {
    (0..<data.count / 4).map { index in
      Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(data[4 * index + $1]) << (8 * UInt32($1)) })
    }
  }

  /// The worst row's largest difference from the log-softmax of the expected logits, relative to their largest.
  private static func error(_ rows: [[Float]], _ expected: [Float], vocabulary: Int) -> Double {
    guard rows.count * vocabulary == expected.count else { return .infinity }
    var worst = 0.0
    for (index, row) in rows.enumerated() {
      let logits = expected[index * vocabulary..<(index + 1) * vocabulary].map { Double($0) }
      let largest = logits.max() ?? 0
      let normalizer = largest + log(logits.reduce(0) { $0 + exp($1 - largest) })
      let size = logits.map { abs($0) }.max() ?? 1
      for (value, logit) in zip(row, logits) {
        let difference = abs(Double(value) - (logit - normalizer)) / size
        worst = difference.isNaN ? .infinity : max(worst, difference)
      }
    }
    return worst
  }
}
