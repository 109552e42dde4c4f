import ArgumentParser

/// `martlet bench`: measurements.
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure models and servers.",
    subcommands: [
      BenchLatencyCommand.self, BenchThroughputCommand.self, BenchOfflineCommand.self, BenchServingCommand.self,
      BenchSchedulerCommand.self, BenchCompareCommand.self, BenchGoldenCommand.self,
      BenchGrammarCommand.self,
    ])
}
