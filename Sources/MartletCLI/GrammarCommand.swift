import ArgumentParser
import Foundation
import Martlet

/// `martlet grammar`: what constrains output, without a model's weights.
struct GrammarCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "grammar", abstract: "Check schemas and grammars.", subcommands: [Check.self])

  /// `martlet grammar check`: whether a file can be enforced, what it costs, and samples of what it allows.
  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "check", abstract: "Say whether a schema or grammar can be enforced, its cost, and show samples.",
      discussion: "Files whose name ends in .json are JSON Schemas, others GBNF, EBNF or Lark grammars.")

    @Argument(help: "Files, each a JSON Schema or a grammar.")
    var files: [String] = []

    @Option(help: "A regular expression to check.")
    var regex: String?

    @Option(name: .customLong("model-path"), help: "Use this model's vocabulary; default: the 256 bytes.")
    var modelPath: String?

    @Option(help: "Random walks through each grammar.")
    var samples = 3

    @Option(help: "Seed of the walks.")
    var seed: UInt64 = 0

    @Flag(help: "Print a line of JSON for each file.")
    var json = false

    private struct Report: Encodable {
      var file: String
      var error: String?
      var compileMicroseconds: Double?
      var firstMaskMicroseconds: Double?
      var maskMicroseconds: [Double] = []
      var samples: [String] = []
    }

    func validate() throws {
      guard !files.isEmpty || regex != nil else { throw ValidationError("give a file or --regex") }
    }

    func run() throws {
      let model = try modelPath.map { try ModelTokenizer(modelPath: $0) }
      let vocabulary = CheckedVocabulary(model)
      var forms: [(String, OutputForm)] = []
      for file in files {
        let text = try TextFile.read(file)
        forms.append((file, file.hasSuffix(".json") ? .jsonSchema(text) : .grammar(text)))
      }
      if let regex { forms.append(("--regex", .regex(regex))) }
      var isRefused = false
      for (name, form) in forms {
        var report = Report(file: name)
        do {
          let check = try vocabulary.check(form, walks: samples, seed: seed)
          report.compileMicroseconds = Self.microseconds(check.compileTime)
          report.firstMaskMicroseconds = Self.microseconds(check.firstMaskTime)
          report.maskMicroseconds = check.maskTimes.map(Self.microseconds)
          report.samples = check.samples
        } catch {
          report.error = "\(error)"
          isRefused = true
        }
        try write(report)
      }
      if isRefused { throw ExitCode.failure }
    }

    private func write(_ report: Report) throws {
      if json {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        Terminal.out(String(decoding: try encoder.encode(report), as: UTF8.self))
        return
      }
      if let error = report.error {
        Terminal.out("\(report.file): refused: \(error)")
        return
      }
      let times = report.maskMicroseconds
      let middle = times.isEmpty ? 0 : times[times.count / 2]
      Terminal.out(
        String(
          format: "%@: enforceable; compiled in %.0f us, first mask at %.0f us, masks: median %.1f us, longest %.0f us",
          report.file, report.compileMicroseconds ?? 0, report.firstMaskMicroseconds ?? 0, middle, times.last ?? 0))
      for sample in report.samples { Terminal.out("  \(sample.debugDescription)") }
    }

    private static func microseconds(_ duration: Duration) -> Double { duration / .microseconds(1) }
  }
}
