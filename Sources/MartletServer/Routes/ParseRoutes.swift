import Hummingbird
import MartletCore
import MartletText

/// /separate_reasoning and /parse_function_call: the parsers for text that the client has already.
struct ParseRoutes: Sendable {
  let model: ServedModel
  let reader: RequestReader

  func separateReasoning(_ request: Request) async throws -> Response {
    try await reader.prepare(request) { fields, _ in
      var options = ResponseParser.Options()
      let name = try fields.string("reasoning_parser")
      guard let format = name.map({ ReasoningFormat.named($0) }) ?? model.formats.reasoning else {
        throw Self.unknown("reasoning_parser", name, ReasoningFormat.names)
      }
      options.reasoning = format
      let response = ResponseParser.parse(try Self.text(fields), options)
      return Response(json: ["reasoning_text": .string(response.reasoning), "text": .string(response.content)])
    }
  }

  func parseFunctionCall(_ request: Request) async throws -> Response {
    try await reader.prepare(request) { fields, _ in
      var options = ResponseParser.Options()
      let name = try fields.string("tool_call_parser")
      guard let format = name.map({ ToolFormat.named($0) }) ?? model.formats.tools else {
        throw Self.unknown("tool_call_parser", name, ToolFormat.names)
      }
      options.tools = format
      options.declarations = ToolDeclarations(try ToolFields(fields).offered)
      let response = ResponseParser.parse(try Self.text(fields), options)
      let calls = response.calls.enumerated().map { index, call -> JSONValue in
        ["tool_index": .int(Int64(index)), "name": .string(call.name), "parameters": .string(call.arguments)]
      }
      return Response(json: ["normal_text": .string(response.content), "calls": .array(calls)])
    }
  }

  private static func text(_ fields: RequestFields) throws(InvalidField) -> String {
    guard let text = try fields.string("text") else { throw InvalidField(field: "text", reason: "is missing") }
    return text
  }

  private static func unknown(_ field: String, _ name: String?, _ names: [String]) -> InvalidField {
    InvalidField(
      field: field,
      reason: "\(name.map { "\"\($0)\" is not known" } ?? "is missing"); use \(names.joined(separator: ", "))")
  }
}
