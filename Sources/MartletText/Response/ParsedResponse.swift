/// What an answer consists of: the sum of its deltas.
package struct ParsedResponse: Sendable, Equatable {
  package struct Call: Sendable, Equatable {
    package let id: String?
    package let name: String
    /// JSON text. An answer that was cut off, or whose JSON is faulty, leaves it as the model wrote it.
    package var arguments = ""

    package init(id: String?, name: String, arguments: String = "") {
      self.id = id
      self.name = name
      self.arguments = arguments
    }
  }

  package private(set) var content = ""
  package private(set) var reasoning = ""
  package private(set) var calls: [Call] = []

  package init() {}

  package mutating func append(_ delta: ResponseDelta) {
    switch delta {
    case .content(let text): content += text
    case .reasoning(let text): reasoning += text
    case .call(_, let id, let name): calls.append(Call(id: id, name: name))
    case .arguments(let index, let text): if calls.indices.contains(index) { calls[index].arguments += text }
    }
  }
}
