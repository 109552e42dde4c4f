import MartletText

/// The content blocks of a message, as an answer's deltas make them.
struct AnthropicBlocks: Sendable {
  enum Block: Sendable {
    case thinking(String)
    case text(String)
    case call(id: String, name: String, arguments: String)
  }

  private(set) var blocks: [Block] = []

  /// Takes a delta; returns the events that tell it.
  mutating func append(_ delta: ResponseDelta) -> [JSONValue] {
    switch (delta, blocks.last) {
    case (.reasoning(let text), .thinking(let before)?):
      blocks[blocks.count - 1] = .thinking(before + text)
      return [change(["type": "thinking_delta", "thinking": .string(text)])]
    case (.reasoning(let text), _):
      return open(.thinking(text), ["type": "thinking", "thinking": "", "signature": ""])
        + [change(["type": "thinking_delta", "thinking": .string(text)])]
    case (.content(let text), .text(let before)?):
      blocks[blocks.count - 1] = .text(before + text)
      return [change(["type": "text_delta", "text": .string(text)])]
    case (.content(let text), _):
      return open(.text(text), ["type": "text", "text": ""]) + [change(["type": "text_delta", "text": .string(text)])]
    case (.call(_, let given, let name), _):
      let id = given ?? "toolu_" + Identifier.make("").prefix(24)
      return open(
        .call(id: id, name: name, arguments: ""),
        ["type": "tool_use", "id": .string(id), "name": .string(name), "input": .object(JSONObject())])
    case (.arguments(_, let text), .call(let id, let name, let before)?):
      blocks[blocks.count - 1] = .call(id: id, name: name, arguments: before + text)
      return [change(["type": "input_json_delta", "partial_json": .string(text)])]
    case (.arguments, _): return []
    }
  }

  /// The events that end the last block.
  func finish() -> [JSONValue] {
    blocks.isEmpty ? [] : [["type": "content_block_stop", "index": .int(Int64(blocks.count - 1))]]
  }

  private mutating func open(_ block: Block, _ json: JSONValue) -> [JSONValue] {
    let stop = finish()
    blocks.append(block)
    return stop + [["type": "content_block_start", "index": .int(Int64(blocks.count - 1)), "content_block": json]]
  }

  private func change(_ delta: JSONValue) -> JSONValue {
    ["type": "content_block_delta", "index": .int(Int64(blocks.count - 1)), "delta": delta]
  }

  /// The blocks of a whole message.
  var json: JSONValue {
    .array(
      blocks.map { block in
        switch block {
        case .thinking(let text): ["type": "thinking", "thinking": .string(text), "signature": ""]
        case .text(let text): ["type": "text", "text": .string(text)]
        case .call(let id, let name, let arguments):
          ["type": "tool_use", "id": .string(id), "name": .string(name), "input": Self.input(arguments)]
        }
      })
  }

  /// Arguments as an object; faulty ones in the wrapping that Anthropic's documentation gives for them.
  private static func input(_ arguments: String) -> JSONValue {
    if let value = try? JSONValue(parsing: arguments), value.objectValue != nil { return value }
    return ["INVALID_JSON": .string(arguments)]
  }
}
