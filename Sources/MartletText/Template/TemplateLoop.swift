/// jinja2's `loop`.
struct TemplateLoop: Sendable {
  private var items: [TemplateValue]
  private let count: Int
  private var index = -1
  private let depth: Int
  private var lastChecked: [TemplateValue]?
  /// The statement and its scope, where the loop may call itself.
  let recursion: (statement: TemplateNode.Loop, scope: Int)?

  /// - Parameter depth: 1 for a loop that no other called.
  init(_ items: [TemplateValue], depth: Int, recursion: (statement: TemplateNode.Loop, scope: Int)?) {
    self.items = items
    count = items.count
    self.depth = depth
    self.recursion = recursion
  }

  var nextDepth: Int { depth + 1 }

  mutating func advance() { index += 1 }

  /// Keeps the counts and lets the items go.
  mutating func finish() { items = [] }

  static let methods: Set<String> = ["cycle", "changed"]

  func attribute(_ name: String) -> TemplateValue? {
    switch name {
    case "index": .int(Int64(index + 1))
    case "index0": .int(Int64(index))
    case "revindex": .int(Int64(count - index))
    case "revindex0": .int(Int64(count - index - 1))
    case "first": .bool(index == 0)
    case "last": .bool(index == count - 1)
    case "length": .int(Int64(count))
    case "depth": .int(Int64(depth))
    case "depth0": .int(Int64(depth - 1))
    case "previtem": item(index - 1, "there is no previous item")
    case "nextitem": item(index + 1, "there is no next item")
    default: nil
    }
  }

  private func item(_ place: Int, _ reason: String) -> TemplateValue {
    items.indices.contains(place) ? items[place] : .undefined(TemplateUndefined(reason: reason))
  }

  func cycle(_ values: [TemplateValue]) throws(TemplateError) -> TemplateValue {
    guard !values.isEmpty else { throw TemplateError("loop.cycle needs items") }
    return values[max(0, index) % values.count]
  }

  /// Whether the values differ from those of the last call.
  mutating func changed(_ values: [TemplateValue]) -> Bool {
    if let lastChecked, TemplateValue.list(lastChecked).equals(.list(values)) { return false }
    lastChecked = values
    return true
  }

  var representation: String { "<LoopContext \(index + 1)/\(count)>" }
}
