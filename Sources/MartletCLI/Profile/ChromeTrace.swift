import Foundation
import MartletCompute
import MartletText

/// Samples in the trace event format that chrome://tracing and Perfetto open.
struct ChromeTrace {
  private var events: [JSONValue] = []

  /// Adds a phase as a track of its own.
  mutating func add(_ samples: [OpSample], phase: String, track: Int64) {
    events.append([
      "name": "thread_name", "ph": "M", "pid": 1, "tid": .int(track), "args": ["name": .string(phase)],
    ])
    for sample in samples {
      events.append([
        "name": .string(sample.operation), "cat": .string(phase), "ph": "X", "pid": 1, "tid": .int(track),
        "ts": .double(Double(sample.start) / 1e3), "dur": .double(Double(sample.nanoseconds) / 1e3),
        "args": [
          "shape": .string(sample.shape), "bytes": .int(Int64(sample.bytes)),
          "operations": .int(Int64(sample.operations)),
        ],
      ])
    }
  }

  func write(to path: String) throws {
    var bytes: [UInt8] = []
    JSONValue.object(JSONObject([("traceEvents", .array(events))])).write(to: &bytes)
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }
}
