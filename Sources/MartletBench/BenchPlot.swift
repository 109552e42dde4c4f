import Foundation

/// A load as a picture: histograms of the latencies, and output tokens a second over time.
package struct BenchPlot {
  private let outcomes: [BenchOutcome]
  private let duration: Double

  private static let width = 640.0
  private static let panelHeight = 200.0
  private static let margin = 48.0

  package init(_ outcomes: [BenchOutcome], duration: Double) {
    self.outcomes = outcomes.filter { $0.error == nil }
    self.duration = duration
  }

  package var svg: String {
    let panels: [(String, [Double], Double, String)] = [
      histogram("Time to first token", outcomes.compactMap(\.firstToken)),
      histogram("Inter-token latency", outcomes.flatMap(\.gaps)), throughput,
    ]
    let height = Double(panels.count) * Self.panelHeight
    var text =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(Int(Self.width))\" height=\"\(Int(height))\" font-family=\"sans-serif\" font-size=\"11\">\n"
    text += "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    for (index, panel) in panels.enumerated() {
      text += draw(title: panel.0, bars: panel.1, end: panel.2, unit: panel.3, top: Double(index) * Self.panelHeight)
    }
    return text + "</svg>\n"
  }

  private func histogram(_ title: String, _ seconds: [Double]) -> (String, [Double], Double, String) {
    let values = seconds.map { $0 * 1000 }.sorted()
    // The slowest hundredth would squeeze the rest into one bar.
    let end = max(values.isEmpty ? 0 : values[(values.count - 1) * 99 / 100], 0.001)
    var bars = [Double](repeating: 0, count: 60)
    for value in values { bars[min(59, Int(value / end * 60))] += 1 }
    return (title + ", requests by milliseconds (last bar: all above)", bars, end, "ms")
  }

  private var throughput: (String, [Double], Double, String) {
    var bars = [Double](repeating: 0, count: 60)
    let slot = max(duration, 0.001) / 60
    for outcome in outcomes {
      guard let first = outcome.firstToken else { continue }
      var time = outcome.start + first
      bars[min(59, Int(time / slot))] += 1
      // Events may carry several tokens; they are spread evenly over them.
      let each = outcome.gaps.isEmpty ? 0 : Double(outcome.outputTokens - 1) / Double(outcome.gaps.count)
      for gap in outcome.gaps {
        time += gap
        bars[min(59, Int(time / slot))] += each
      }
    }
    return ("Output tokens a second over time", bars.map { $0 / slot }, duration, "s")
  }

  private func draw(title: String, bars: [Double], end: Double, unit: String, top: Double) -> String {
    let left = Self.margin, right = Self.width - 16, bottom = top + Self.panelHeight - 28
    let high = max(bars.max() ?? 0, 1e-9), step = (right - left) / Double(bars.count)
    let room = Self.panelHeight - 60
    var text = "<text x=\"\(left)\" y=\"\(top + 18)\">\(title)</text>\n"
    for (index, value) in bars.enumerated() where value > 0 {
      let size = value / high * room
      text += String(
        format: "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#4477aa\"/>\n",
        left + Double(index) * step, bottom - size, step * 0.9, size)
    }
    text += "<line x1=\"\(left)\" y1=\"\(bottom)\" x2=\"\(right)\" y2=\"\(bottom)\" stroke=\"black\"/>\n"
    text += String(format: "<text x=\"4\" y=\"%.1f\">%.6g</text>\n", bottom - room + 8, high)
    text += String(format: "<text x=\"%.1f\" y=\"%.1f\">0</text>\n", left, bottom + 14)
    text += String(
      format: "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%.4g %@</text>\n", right, bottom + 14, end,
      unit as NSString)
    return text
  }
}
