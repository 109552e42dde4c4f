import Foundation
import Testing

@testable import MartletText

/// Answers in every format, with what is in them (`scripts/goldens/responses_goldens.py`).
struct ResponseCorpus {
  struct Case: CustomTestStringConvertible {
    let json: JSONValue
    var name: String { json["name"]?.stringValue ?? "" }
    var text: String { json["text"]?.stringValue ?? "" }
    var content: String { json["content"]?.stringValue ?? "" }
    var reasoning: String { json["reasoning"]?.stringValue ?? "" }
    var calls: [JSONValue] { json["calls"]?.arrayValue ?? [] }
    var testDescription: String { name }
  }

  let tools: [JSONValue]
  let cases: [Case]

  init() throws {
    let file = Bundle.module.resourceURL?.appendingPathComponent("Goldens/responses/corpus.json")
    let golden = try JSONValue(parsing: Array(Data(contentsOf: try #require(file))))
    tools = golden["tools"]?.arrayValue ?? []
    cases = (golden["cases"]?.arrayValue ?? []).map { Case(json: $0) }
  }

  /// The parser's options for a case; nil when a format's name is not known.
  func options(_ item: Case) -> ResponseParser.Options? {
    var options = ResponseParser.Options()
    if let name = item.json["tools"]?.stringValue {
      guard let format = ToolFormat.named(name) else { return nil }
      options.tools = format
    }
    if let name = item.json["reasoning_format"]?.stringValue {
      guard let format = ReasoningFormat.named(name) else { return nil }
      options.reasoning = format
    }
    // Python's names have no dashes.
    let names = item.calls.compactMap { $0["name"]?.stringValue }.filter { $0.contains("_trip") }
    options.declarations = ToolDeclarations(
      tools + (names.isEmpty ? [] : [["type": "function", "function": ["name": "book_trip"]]]))
    options.prompt = item.json["prompt"]?.stringValue ?? ""
    return options
  }
}
