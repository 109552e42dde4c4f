import MartletCore
import MartletText

/// The tools of a request, and how they may be called.
struct ToolFields: Sendable {
  enum Choice: Sendable, Equatable {
    case none
    case auto
    case required
    case function(String)
  }

  /// What the template gets: all tools, or the one that must be called; empty when none may be.
  let offered: [JSONValue]
  let choice: Choice
  let allowsParallelCalls: Bool
  /// Where `offered` begins in the request's list.
  let firstOffered: Int
  let fieldNames: ToolFieldNames

  init(_ fields: RequestFields) throws(InvalidField) {
    let tools = try fields.array("tools") ?? []
    let fieldNames = ToolFieldNames(fields)
    var names: [String] = []
    for (index, tool) in tools.enumerated() { names.append(try Self.name(of: tool, index, fieldNames)) }
    let choice = try Self.choice(fields, hasTools: !tools.isEmpty)
    var first = 0
    switch choice {
    case .none: offered = []
    case .auto, .required: offered = tools
    case .function(let name):
      guard let index = names.firstIndex(of: name) else {
        throw InvalidField(field: "tool_choice", reason: "names the function \(name), which tools does not have")
      }
      offered = [tools[index]]
      first = index
    }
    firstOffered = first
    self.fieldNames = fieldNames
    self.choice = choice
    allowsParallelCalls = try fields.bool("parallel_tool_calls") ?? true
  }

  private static func name(
    of tool: JSONValue, _ index: Int, _ fieldNames: ToolFieldNames
  ) throws(InvalidField) -> String {
    guard tool["type"]?.stringValue ?? "function" == "function" else {
      throw InvalidField(field: "tools[\(index)].type", reason: "must be \"function\"")
    }
    guard let name = tool["function"]?["name"]?.stringValue, !name.isEmpty, name.utf8.count <= 256 else {
      throw InvalidField(field: fieldNames.field(index, "name"), reason: "must be a string of up to 256 bytes")
    }
    if let parameters = tool["function"]?["parameters"], !parameters.isNull, parameters.objectValue == nil {
      throw InvalidField(field: fieldNames.field(index, "parameters"), reason: "must be a JSON Schema object")
    }
    return name
  }

  private static func choice(_ fields: RequestFields, hasTools: Bool) throws(InvalidField) -> Choice {
    let wanted: Choice
    switch fields.value("tool_choice") {
    case nil: return hasTools ? .auto : .none
    case .string("auto")?: wanted = .auto
    case .string("none")?: return .none
    case .string("required")?: wanted = .required
    case .object(let object)?:
      guard let name = object["function"]?["name"]?.stringValue ?? object["name"]?.stringValue else {
        throw InvalidField(field: "tool_choice.function.name", reason: "must be a string")
      }
      wanted = .function(name)
    default:
      throw InvalidField(
        field: "tool_choice", reason: "must be \"none\", \"auto\", \"required\" or an object with a function's name")
    }
    guard hasTools || wanted == .auto else {
      throw InvalidField(field: "tool_choice", reason: "needs a list of tools")
    }
    return hasTools ? wanted : .none
  }

  /// The beginning of a call that the model is made to continue; nil when it is free to call or not.
  /// - Throws: when a call is required of a model whose calls have no known beginning.
  func prefill(model: ServedModel, earlierCalls: Int) throws(InvalidField) -> String? {
    guard choice != .none, choice != .auto else { return nil }
    guard let format = model.formats.tools else {
      throw InvalidField(
        field: "tool_choice", reason: "needs a known format of calls: start the server with --tool-call-parser")
    }
    guard let text = format.prefill(function: onlyFunction, template: model.template?.source ?? "") else {
      throw InvalidField(field: "tool_choice", reason: "cannot be required with the format \(format.name)")
    }
    return text.replacing("{index}", with: String(earlierCalls))
  }
}
