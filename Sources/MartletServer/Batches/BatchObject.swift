import MartletText

/// A batch as clients see it, at any time of its life.
struct BatchObject: Sendable {
  enum Status: String, Sendable {
    case failed, completed, expired, cancelling, cancelled
    case inProgress = "in_progress"

    var isOpen: Bool { self == .inProgress || self == .cancelling }
  }

  let id: String
  private var json: JSONObject

  /// - Parameter created: seconds since 1970, as all times here.
  init(
    id: String, created: Int, expires: Int, endpoint: String, inputFile: String, completionWindow: String,
    metadata: JSONValue
  ) {
    self.id = id
    json = [
      "id": .string(id), "object": "batch", "endpoint": .string(endpoint), "errors": .null,
      "input_file_id": .string(inputFile), "completion_window": .string(completionWindow), "status": "in_progress",
      "output_file_id": .null, "error_file_id": .null, "created_at": .int(Int64(created)),
      "in_progress_at": .int(Int64(created)), "expires_at": .int(Int64(expires)), "finalizing_at": .null,
      "completed_at": .null, "failed_at": .null, "expired_at": .null, "cancelling_at": .null, "cancelled_at": .null,
      "request_counts": ["total": 0, "completed": 0, "failed": 0], "metadata": metadata,
    ]
  }

  init(id: String, stored: [UInt8]) throws {
    self.id = id
    json = try RequestFields(JSONValue(parsing: stored)).object
  }

  var value: JSONValue { .object(json) }
  var inputFile: String { json["input_file_id"]?.stringValue ?? "" }
  var expires: Int { json["expires_at"]?.intValue ?? 0 }
  var status: Status { json["status"]?.stringValue.flatMap { Status(rawValue: $0) } ?? .failed }

  mutating func enter(_ status: Status, at time: Int) {
    json["status"] = .string(status.rawValue)
    json["\(status.rawValue)_at"] = .int(Int64(time))
    if status == .completed { json["finalizing_at"] = .int(Int64(time)) }
  }

  mutating func fail(_ faults: [BatchInput.Fault], at time: Int) {
    enter(.failed, at: time)
    json["in_progress_at"] = .null
    json["errors"] = ["object": "list", "data": .array(faults.map(\.json))]
  }

  mutating func count(total: Int, completed: Int, failed: Int) {
    json["request_counts"] = [
      "total": .int(Int64(total)), "completed": .int(Int64(completed)), "failed": .int(Int64(failed)),
    ]
  }

  mutating func setFiles(output: String?, errors: String?) {
    json["output_file_id"] = output.map(JSONValue.string) ?? .null
    json["error_file_id"] = errors.map(JSONValue.string) ?? .null
  }
}
