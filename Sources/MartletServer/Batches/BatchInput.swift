import Foundation
import MartletText

/// A batch's input file: a request on each line.
struct BatchInput: Sendable {
  struct Line: Sendable {
    let number: Int
    let customID: String
    let body: [UInt8]
  }

  /// What is wrong with a line, in OpenAI's words.
  struct Fault: Sendable {
    let line: Int?
    let code: String
    let message: String
    let field: String?

    var json: JSONValue {
      [
        "code": .string(code), "message": .string(message), "param": field.map(JSONValue.string) ?? .null,
        "line": line.map { .int(Int64($0)) } ?? .null,
      ]
    }
  }

  private static let maxFaults = 100

  private(set) var lines: [Line] = []
  private(set) var faults: [Fault] = []

  /// - Parameter endpoint: the path that each line must name.
  /// - Complexity: O(content.count).
  init(_ content: Data, endpoint: String, maxLines: Int) {
    var names: Set<String> = []
    var number = 0
    for slice in content.split(separator: 0x0A, omittingEmptySubsequences: false) {
      number += 1
      guard slice.contains(where: { $0 > 0x20 }) else { continue }
      switch Self.line(Array(slice), number, endpoint) {
      case .failure(let fault): faults.append(fault.fault)
      case .success(let line):
        if names.insert(line.customID).inserted {
          lines.append(line)
        } else {
          faults.append(
            Fault(
              line: number, code: "duplicate_custom_id", message: "The custom_id '\(line.customID)' is there twice.",
              field: "custom_id"))
        }
      }
      if faults.count >= Self.maxFaults { return }
      if lines.count > maxLines {
        faults = [
          Fault(line: nil, code: "too_many_tasks", message: "The file has more than \(maxLines) requests.", field: nil)
        ]
        return
      }
    }
    if lines.isEmpty, faults.isEmpty {
      faults = [Fault(line: nil, code: "empty_file", message: "The file has no requests.", field: nil)]
    }
  }

  private struct Failure: Error {
    let fault: Fault
  }

  private static func line(_ bytes: [UInt8], _ number: Int, _ endpoint: String) -> Result<Line, Failure> {
    func fault(_ code: String, _ message: String, _ field: String? = nil) -> Result<Line, Failure> {
      .failure(Failure(fault: Fault(line: number, code: code, message: message, field: field)))
    }
    guard let json = try? JSONValue(parsing: bytes), json.objectValue != nil else {
      return fault("invalid_json_line", "This line is not parseable as a JSON object.")
    }
    guard let name = json["custom_id"]?.stringValue, !name.isEmpty, name.utf8.count <= 512,
      name.unicodeScalars.allSatisfy({ $0.value >= 0x20 })
    else {
      return fault(
        "missing_required_parameter", "custom_id must be a string of up to 512 bytes without control characters.",
        "custom_id")
    }
    guard json["method"]?.stringValue ?? "POST" == "POST" else {
      return fault("invalid_method", "method must be \"POST\".", "method")
    }
    guard json["url"]?.stringValue == endpoint else {
      return fault("mismatched_endpoint", "url must be the batch's endpoint, \"\(endpoint)\".", "url")
    }
    guard let body = json["body"], let object = body.objectValue else {
      return fault("missing_required_parameter", "body must be an object.", "body")
    }
    guard object["stream"]?.boolValue != true, object["background"]?.boolValue != true else {
      return fault("invalid_request", "A batch's requests cannot stream or run in the background.", "body")
    }
    return .success(Line(number: number, customID: name, body: body.serialized()))
  }
}
