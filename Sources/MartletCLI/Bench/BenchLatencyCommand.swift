import ArgumentParser
import Foundation
import Martlet
import MartletBench
import MartletModel

/// `martlet bench latency`: prefill and decode of one batch.
struct BenchLatencyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "latency",
    abstract: "Time the prefill and the decode steps of one batch, without scheduler or server.",
    discussion: "Prints a table; with --result-filename also a JSON line for each combination.")

  @OptionGroup var modelFlags: ModelFlags

  @Option(parsing: .upToNextOption, help: "Sequences in the batch; several values make several rows.")
  var batchSize = [1]

  @Option(parsing: .upToNextOption, help: "Prompt tokens of each sequence; several values make several rows.")
  var inputLen = [512]

  @Option(help: "Generated tokens of each sequence.")
  var outputLen = 32

  @Option(help: "Measured runs of each row, after one that is not; the median counts.")
  var repeats = 3

  @Option(help: "Append a JSON line for each row to this file.")
  var resultFilename: String?

  @OptionGroup(title: "Engine") var engineFlags: EngineFlags

  private struct Row: Encodable {
    let model: String
    let kernels: String
    let batchSize: Int
    let inputLen: Int
    let outputLen: Int
    let prefillLatency: Double
    let prefillThroughput: Double
    let medianDecodeLatency: Double
    let medianDecodeThroughput: Double
  }

  func validate() throws {
    _ = try modelFlags.path()
    for value in batchSize where !(1...4096).contains(value) {
      throw ValidationError("--batch-size must be between 1 and 4096, got \(value)")
    }
    for value in inputLen + [repeats] where value < 1 {
      throw ValidationError("--input-len and --repeats must be at least 1, got \(value)")
    }
    guard outputLen >= 2 else { throw ValidationError("--output-len must be at least 2, got \(outputLen)") }
  }

  func run() async throws {
    var options = engineFlags.options
    let largest = batchSize.max() ?? 1, longest = (inputLen.max() ?? 1) + outputLen
    options.maxRunningRequests = max(largest, options.maxRunningRequests ?? 1)
    options.maxTotalTokens = largest * (longest + options.pageSize)
    let path = try modelFlags.path()
    let model = try BareModel(path: path, options: options)
    guard longest <= model.plan.contextLength, largest * longest <= model.plan.totalTokens else {
      throw ValidationError(
        "\(largest) x \(longest) tokens do not fit: the context holds \(model.plan.contextLength), the memory \(model.plan.totalTokens)"
      )
    }
    var timer = StepTimer(model)
    Terminal.out("batch  input  output  prefill tokens/s  prefill ms  decode tokens/s  step ms (median)")
    for batch in batchSize {
      for input in inputLen {
        _ = try timer.run(batchSize: batch, inputLength: input, outputLength: min(outputLen, 4))
        var prefills: [Double] = [], steps: [Double] = []
        for _ in 0..<repeats {
          let measurement = try timer.run(batchSize: batch, inputLength: input, outputLength: outputLen)
          prefills.append(measurement.prefillSeconds)
          steps += measurement.stepSeconds
        }
        let prefill = Percentiles(prefills).median, step = Percentiles(steps).median
        let row = Row(
          model: URL(fileURLWithPath: path).lastPathComponent, kernels: model.kernels, batchSize: batch,
          inputLen: input, outputLen: outputLen, prefillLatency: prefill,
          prefillThroughput: Double(batch * input) / prefill, medianDecodeLatency: step,
          medianDecodeThroughput: Double(batch) / step)
        Terminal.out(
          String(
            format: "%5d  %5d  %6d  %16.1f  %10.2f  %15.1f  %16.3f", batch, input, outputLen, row.prefillThroughput,
            prefill * 1000, row.medianDecodeThroughput, step * 1000))
        try append(row)
      }
    }
  }

  private func append(_ row: Row) throws {
    guard let resultFilename else { return }
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try ResultFile(path: resultFilename).append(try encoder.encode(row))
  }
}
