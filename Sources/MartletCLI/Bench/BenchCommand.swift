import ArgumentParser

/// `martlet bench`: measurements.
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure a model on this machine.", subcommands: [BenchLatencyCommand.self])
}
