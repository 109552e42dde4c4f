import MartletCore
import MartletText

extension ToolFields {
  /// What the answer may be so that calls obey the functions' schemas; nil when it is free.
  ///
  /// Calls that must come are held to their schemas as far as these can be enforced, and always where the function is
  /// `strict`. Under `auto`, calls are constrained once the model has begun them, if any function is `strict`.
  /// - Throws: the schema of a strict function that cannot be enforced, by its place in `tools`; any strict function where
  ///   the model has no known format of calls.
  func grammar(
    model: ServedModel, namespace: CacheNamespace, prompt: ChatPrompt
  ) throws(InvalidField) -> GrammarSource? {
    let isForced = choice != .auto, strict = offered.indices.first { isStrict($0) }
    guard !offered.isEmpty, isForced || strict != nil else { return nil }
    guard let format = model.formats.tools else {
      guard let strict else { return nil }
      throw InvalidField(
        field: field(strict, "strict"),
        reason: "needs a known format of calls: leave it out, or start the server with --tool-call-parser")
    }
    guard !isForced || !prompt.parser.prefill.isEmpty else {
      guard let strict else { return nil }
      throw InvalidField(
        field: field(strict, "strict"), reason: "cannot be kept beside input_ids and a tool_choice that names a call")
    }
    var functions: [ToolCallGrammar.Function] = []
    for index in offered.indices { functions.append(try function(index, model: model, namespace: namespace)) }
    var source: GrammarSource?
    do throws(GrammarError) {
      source = try ToolCallGrammar(format, template: model.template?.source ?? "")?.source(
        functions, scope: isForced ? .begun(function: onlyFunction) : .free, isSingle: prompt.parser.maxCalls == 1)
    } catch {
      let index = strict ?? 0
      throw InvalidField(field: field(index, "parameters"), reason: "cannot be enforced: \(error.message)")
    }
    if source == nil, let strict {
      throw InvalidField(
        field: field(strict, "strict"), reason: "cannot be kept with the format \(format.name): leave it out")
    }
    return source
  }

  /// The function that a forced call is of, when there is only one.
  var onlyFunction: String? {
    switch choice {
    case .none, .auto: nil
    case .required: offered.count == 1 ? offered[0]["function"]?["name"]?.stringValue : nil
    case .function(let name): name
    }
  }

  private func isStrict(_ index: Int) -> Bool { offered[index]["function"]?["strict"]?.boolValue ?? false }

  private func field(_ index: Int, _ key: String) -> String { fieldNames.field(firstOffered + index, key) }

  /// A function whose schema was compiled by itself, so that a refusal has the schema's own pointers.
  private func function(
    _ index: Int, model: ServedModel, namespace: CacheNamespace
  ) throws(InvalidField) -> ToolCallGrammar.Function {
    let function = offered[index]["function"] ?? .null, isStrict = isStrict(index)
    let name = function["name"]?.stringValue ?? ""
    guard var schema = function["parameters"]?.objectValue else {
      let none: JSONValue = ["type": "object", "additionalProperties": false]
      return ToolCallGrammar.Function(name: name, parameters: none, isStrict: isStrict)
    }
    let types = schema["type"].map { $0.arrayValue ?? [$0] } ?? ["object"]
    if types.contains("object") { schema["type"] = "object" }
    let parameters = JSONValue.object(schema)
    do throws(GrammarError) {
      guard types.contains("object") else {
        throw GrammarError(.unsupported, at: "#/type", "type", "must be \"object\"")
      }
      _ = try model.grammars.grammar(
        .jsonSchema(parameters.serializedText(), ToolCallGrammar.whitespace), namespace: namespace)
      return ToolCallGrammar.Function(name: name, parameters: parameters, isStrict: isStrict)
    } catch {
      guard isStrict else {
        return ToolCallGrammar.Function(name: name, parameters: ["type": "object"], isStrict: false)
      }
      throw InvalidField(field: field(index, "parameters"), reason: "cannot be enforced: \(error.message)")
    }
  }
}
