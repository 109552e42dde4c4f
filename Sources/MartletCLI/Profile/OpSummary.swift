import Foundation
import MartletCompute

/// The samples of one phase, added up by op and shape.
struct OpSummary {
  private struct Line {
    var calls = 0
    var nanoseconds: UInt64 = 0
    var bytes = 0
    var operations = 0
  }

  private var lines: [String: Line] = [:]
  private var total: UInt64 = 0
  /// Nanoseconds of each layer: what runs between one attention and the next.
  private var layers: [UInt64] = []

  init(_ samples: [OpSample]) {
    var layer: UInt64 = 0
    var isInLayer = false
    for sample in samples {
      var line = lines[sample.operation + "\t" + sample.shape] ?? Line()
      line.calls += 1
      line.nanoseconds += sample.nanoseconds
      line.bytes += sample.bytes
      line.operations += sample.operations
      lines[sample.operation + "\t" + sample.shape] = line
      total += sample.nanoseconds
      if sample.operation == "attention" {
        if isInLayer { layers.append(layer) }
        layer = 0
        isInLayer = true
      } else if sample.operation == "sample" {
        isInLayer = false
      }
      layer += sample.nanoseconds
    }
  }

  /// The table, costliest first.
  /// - Parameter steps: steps that the samples are of.
  func text(steps: Int, ceilings: MachineCeilings) -> String {
    var text =
      "op             shape                                     calls   us a call     share     GB/s    GOP/s\n"
    for (key, line) in lines.sorted(by: { $0.value.nanoseconds > $1.value.nanoseconds }) {
      let parts = key.split(separator: "\t", omittingEmptySubsequences: false)
      let seconds = Double(max(1, line.nanoseconds)) / 1e9
      text += parts[0].padding(toLength: 15, withPad: " ", startingAt: 0)
      text += (parts.count > 1 ? String(parts[1]) : "").padding(toLength: 40, withPad: " ", startingAt: 0)
      text += String(
        format: "%7d %11.1f %8.1f%% %8.1f %8.1f\n", line.calls, seconds * 1e6 / Double(line.calls),
        100 * Double(line.nanoseconds) / Double(max(1, total)), Double(line.bytes) / seconds / 1e9,
        Double(line.operations) / seconds / 1e9)
    }
    let bytes = lines.values.reduce(0) { $0 + $1.bytes }, operations = lines.values.reduce(0) { $0 + $1.operations }
    let seconds = Double(max(1, total)) / 1e9
    text += String(
      format: "in all: %.3f ms a step in ops, %.1f GB/s (%.0f %% of reads), %.1f GOP/s (%.0f %% of products)",
      seconds * 1e3 / Double(max(1, steps)), Double(bytes) / seconds / 1e9,
      100 * Double(bytes) / seconds / ceilings.bytesPerSecond, Double(operations) / seconds / 1e9,
      100 * Double(operations) / seconds / ceilings.operationsPerSecond)
    guard !layers.isEmpty else { return text }
    let sorted = layers.sorted()
    return text
      + String(
        format: "\na layer: median %.1f us, fastest %.1f, slowest %.1f", Double(sorted[sorted.count / 2]) / 1e3,
        Double(sorted[0]) / 1e3, Double(sorted[sorted.count - 1]) / 1e3)
  }
}
