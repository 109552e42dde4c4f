import ArgumentParser
import Foundation
import Martlet

/// `martlet bench grammar`: schemas on given tokens; for `scripts/bench/grammar`.
struct BenchGrammarCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "grammar", abstract: "Time the masks of JSON Schemas along given tokens.", shouldDisplay: false)

  @Argument(help: "A file with a line of JSON for each schema: its text and the tokens of each text to follow.")
  var cases: String

  @Option(name: .customLong("model-path"), help: "The model whose vocabulary is used.")
  var modelPath: String

  private struct Case: Decodable {
    let schema: String
    let texts: [[Int32]]
  }

  private struct Report: Encodable {
    var error: String?
    var compile: Double?
    var firstMask: Double?
    var masks: [Double] = []
    var accepted: [Bool] = []
  }

  func run() throws {
    let vocabulary = CheckedVocabulary(try ModelTokenizer(modelPath: modelPath))
    let encoder = JSONEncoder()
    for line in try String(contentsOfFile: cases, encoding: .utf8).split(separator: "\n") {
      let item = try JSONDecoder().decode(Case.self, from: Data(line.utf8))
      var report = Report()
      do {
        let trace = try vocabulary.follow(.jsonSchema(item.schema), texts: item.texts)
        report.compile = trace.compileTime / .microseconds(1)
        report.firstMask = trace.firstMaskTime / .microseconds(1)
        report.masks = trace.maskTimes.map { $0 / .microseconds(1) }
        report.accepted = trace.accepted
      } catch {
        report.error = "\(error)"
      }
      Terminal.out(String(decoding: try encoder.encode(report), as: UTF8.self))
    }
  }
}
