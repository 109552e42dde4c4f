import MartletCore
import MartletText

/// The parts of an answer as the chat endpoint writes them.
enum ChatMessage {
  /// The whole message of the assistant.
  /// - Parameter former: a call is the message's `function_call`.
  static func whole(_ answer: ParsedResponse, ids: [String], former: Bool) -> JSONValue {
    if former, let call = answer.calls.first {
      return [
        "role": "assistant", "content": answer.content.isEmpty ? .null : .string(answer.content), "refusal": .null,
        "reasoning_content": answer.reasoning.isEmpty ? .null : .string(answer.reasoning),
        "function_call": ["name": .string(call.name), "arguments": .string(call.arguments)],
      ]
    }
    let calls = zip(answer.calls, ids).enumerated().map { index, item -> JSONValue in
      [
        "id": .string(item.1), "index": .int(Int64(index)), "type": "function",
        "function": ["name": .string(item.0.name), "arguments": .string(item.0.arguments)],
      ]
    }
    return [
      "role": "assistant", "content": answer.content.isEmpty && !calls.isEmpty ? .null : .string(answer.content),
      "refusal": .null, "reasoning_content": answer.reasoning.isEmpty ? .null : .string(answer.reasoning),
      "tool_calls": calls.isEmpty ? .null : .array(calls),
    ]
  }

  /// One streamed delta.
  /// - Parameter id: the id of the call that begins.
  static func delta(_ delta: ResponseDelta, id: String, former: Bool) -> JSONValue {
    switch delta {
    case .call(_, _, let name) where former:
      ["content": .null, "reasoning_content": .null, "function_call": ["name": .string(name), "arguments": ""]]
    case .arguments(_, let text) where former:
      ["content": .null, "reasoning_content": .null, "function_call": ["arguments": .string(text)]]
    case .content(let text): ["content": .string(text), "reasoning_content": .null]
    case .reasoning(let text): ["content": .null, "reasoning_content": .string(text)]
    case .call(let index, _, let name):
      [
        "content": .null, "reasoning_content": .null,
        "tool_calls": [
          [
            "index": .int(Int64(index)), "id": .string(id), "type": "function",
            "function": ["name": .string(name), "arguments": ""],
          ]
        ],
      ]
    case .arguments(let index, let text):
      [
        "content": .null, "reasoning_content": .null,
        "tool_calls": [["index": .int(Int64(index)), "function": ["arguments": .string(text)]]],
      ]
    }
  }

  /// The id of a call: the model's own, or a new one. Mistral's templates take ids of nine letters and digits only.
  static func id(given: String?, format: ToolFormat?) -> String {
    if let given { return given }
    let random = Identifier.make("")
    return format?.name == "mistral" ? String(random.prefix(9)) : "call_" + random.prefix(24)
  }
}
