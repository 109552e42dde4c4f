import ArgumentParser
import Foundation
import MartletBench
import MartletText

/// `martlet bench compare`: two result files side by side.
struct BenchCompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare", abstract: "Print the ratios of two result files, first to second.",
    discussion: "Of several lines in a file the median of each field counts.")

  @Argument(help: "Results of bench serving (JSON Lines).")
  var first: String

  @Argument(help: "Results to compare with.")
  var second: String

  func run() throws {
    let left = try Self.medians(first), right = try Self.medians(second)
    func column(_ text: String, _ width: Int) -> String { text.padding(toLength: width, withPad: " ", startingAt: 0) }
    Terminal.out(column("field", 28) + column("first", 16) + column("second", 16) + "ratio")
    for (name, value) in left {
      guard let other = right.first(where: { $0.0 == name })?.1 else { continue }
      let ratio = other == 0 ? "-" : String(format: "%.3f", value / other)
      Terminal.out(
        column(name, 28) + column(String(format: "%.3f", value), 16) + column(String(format: "%.3f", other), 16) + ratio
      )
    }
  }

  /// The median of each numeric field over a file's lines, in the order of the first line.
  private static func medians(_ path: String) throws -> [(String, Double)] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ValidationError("\(path): cannot be read")
    }
    var lines: [JSONObject] = []
    for (number, line) in data.split(separator: 0x0A).enumerated() {
      guard let object = try? JSONValue(parsing: Array(line)).objectValue else {
        throw ValidationError("\(path): line \(number + 1) is not a JSON object")
      }
      lines.append(object)
    }
    guard let first = lines.first else { throw ValidationError("\(path): holds no results") }
    return first.members.compactMap { key, value in
      guard value.doubleValue != nil, key != "seed" else { return nil }
      return (key, Percentiles(lines.compactMap { $0[key]?.doubleValue }).median)
    }
  }
}
