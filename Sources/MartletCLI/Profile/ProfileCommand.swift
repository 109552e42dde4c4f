import ArgumentParser
import Foundation
import Martlet
import MartletCompute
import MartletModel

/// `martlet profile`: where a step's time goes.
struct ProfileCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "profile", abstract: "Time every op of prefill and decode steps.",
    discussion: """
      Prints each op's time, the bytes and operations a second that it reaches, and how that compares with the fastest
      reads and products of the same kernels on this machine. On a GPU every op is waited for, so that the sum is more
      than a step takes in a server.
      """)

  @OptionGroup var modelFlags: ModelFlags

  @Option(help: "Sequences in the batch.")
  var batchSize = 1

  @Option(help: "Prompt tokens of each sequence.")
  var inputLen = 512

  @Option(help: "Decode steps.")
  var steps = 16

  @Option(help: "Write the ops as a trace for chrome://tracing or Perfetto.")
  var trace: String?

  @OptionGroup(title: "Engine") var engineFlags: EngineFlags

  func validate() throws {
    _ = try modelFlags.path()
    for (name, value, most) in [
      ("--batch-size", batchSize, 4_096), ("--input-len", inputLen, 1_000_000), ("--steps", steps, 10_000),
    ] where !(1...most).contains(value) {
      throw ValidationError("\(name) must be between 1 and \(most), got \(value)")
    }
  }

  func run() async throws {
    var options = engineFlags.options
    options.maxRunningRequests = max(batchSize, options.maxRunningRequests ?? 1)
    options.maxTotalTokens = batchSize * (inputLen + steps + 1 + options.pageSize)
    let selection = try DeviceSelection(options)
    let ceilings = try MachineCeilings(selection.table, threads: options.threads ?? 0)
    let model = try BareModel(path: try modelFlags.path(), options: options, isProfiled: true)
    guard inputLen + steps + 1 <= model.plan.contextLength else {
      throw ValidationError("the context holds \(model.plan.contextLength) tokens; lower --input-len or --steps")
    }
    var timer = StepTimer(model)
    _ = try timer.run(batchSize: batchSize, inputLength: min(inputLen, 64), outputLength: 2)
    _ = ProfiledTable.take()
    var prefill: [OpSample] = []
    _ = try timer.run(batchSize: batchSize, inputLength: inputLen, outputLength: steps + 1) {
      prefill = ProfiledTable.take()
    }
    let decode = ProfiledTable.take()
    Terminal.out(
      String(
        format: "%@; fastest here: reads %.1f GB/s, products %.0f GOP/s", model.kernels as NSString,
        ceilings.bytesPerSecond / 1e9, ceilings.operationsPerSecond / 1e9))
    Terminal.out("\nprefill of \(batchSize) x \(inputLen) tokens")
    Terminal.out(OpSummary(prefill).text(steps: 1, ceilings: ceilings))
    Terminal.out("\n\(steps) decode steps of \(batchSize) sequences")
    Terminal.out(OpSummary(decode).text(steps: steps, ceilings: ceilings))
    guard let trace else { return }
    var file = ChromeTrace()
    file.add(prefill, phase: "prefill", track: 1)
    file.add(decode, phase: "decode", track: 2)
    try file.write(to: trace)
  }
}
