/// Which keywords leave a schema without an instance: a set of them from which none can be left out.
struct SchemaConflict {
  private struct Keyword: Hashable {
    /// Of the schema that has it.
    let pointer: String
    let name: String
    /// Members and items between the value of the whole schema, or of the definition `base`, and the value spoken about.
    let depth: Int
    let base: String?
    /// Of a `$ref`.
    let target: String?

    var path: String { "\(pointer)/\(name)" }

    func isInside(_ place: String) -> Bool { "\(pointer)/".hasPrefix("\(place)/") }
  }

  private static let maxDepth = 128
  private static let maxListed = 6
  private static let maps: Set = [
    "properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies",
  ]
  private static let definitions: Set = ["$defs", "definitions"]
  /// Applicators to members and items; the others speak about the same value.
  private static let inner: Set = [
    "properties", "patternProperties", "additionalProperties", "unevaluatedProperties", "items", "prefixItems",
    "additionalItems", "unevaluatedItems", "contains",
  ]
  private static let applicators: Set = inner.union([
    "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "propertyNames", "dependentSchemas", "dependencies",
  ])

  private let schema: JSONValue
  private var kept: [Keyword] = []

  /// The refusal of a schema that has no instance; nil where there is no time to find out why.
  /// - Parameter hasNoInstance: nil when time is up.
  /// - Complexity: for the usual few keywords at fault O(their number * log of all keywords) calls of `hasNoInstance`.
  static func error(in schema: JSONValue, hasNoInstance: (JSONValue) -> Bool?) -> GrammarError? {
    var conflict = SchemaConflict(schema: schema)
    guard conflict.reduce(hasNoInstance) else { return nil }
    return conflict.error
  }

  private init(schema: JSONValue) {
    self.schema = schema
    var all: [Keyword] = []
    _ = Self.filtered(schema, "#", depth: 0, base: nil, level: 0) { keyword in
      all.append(keyword)
      return true
    }
    kept = all
  }

  /// Leaves out what can be, in ever smaller pieces; false when time is up.
  private mutating func reduce(_ hasNoInstance: (JSONValue) -> Bool?) -> Bool {
    var size = kept.count
    while size > 0 {
      size = (size + 1) / 2
      var end = kept.count
      while end > 0 {
        let start = max(0, end - size)
        let rest = Array(kept[..<start] + kept[end...])
        guard let isEmpty = hasNoInstance(schema(of: rest)) else { return false }
        if isEmpty { kept = rest }
        end = start
      }
      if size == 1 { return true }
    }
    return true
  }

  private func schema(of keywords: [Keyword]) -> JSONValue {
    let set = Set(keywords)
    return Self.filtered(schema, "#", depth: 0, base: nil, level: 0) { set.contains($0) }
  }

  /// A schema with those keywords only, in it and in its subschemas, that `keeps` wants; it is asked in document order.
  private static func filtered(
    _ schema: JSONValue, _ pointer: String, depth: Int, base: String?, level: Int, _ keeps: (Keyword) -> Bool
  ) -> JSONValue {
    guard let object = schema.objectValue, level < maxDepth else { return schema }
    var result = JSONObject()
    for (name, value) in object.members {
      let target = name == "$ref" ? value.stringValue : nil
      let keyword = Keyword(pointer: pointer, name: name, depth: depth, base: base, target: target)
      guard keeps(keyword) else { continue }
      let below = depth + (inner.contains(name) ? 1 : 0)
      func part(_ value: JSONValue, _ key: String?) -> JSONValue {
        let place = key.map { "\(keyword.path)/\(SchemaDocument.escape($0))" } ?? keyword.path
        return definitions.contains(name)
          ? filtered(value, place, depth: 0, base: place, level: level + 1, keeps)
          : filtered(value, place, depth: below, base: base, level: level + 1, keeps)
      }
      switch value {
      case .object(let members) where maps.contains(name):
        result[name] = .object(JSONObject(members.members.map { ($0.key, part($0.value, $0.key)) }))
      case .array(let items) where applicators.contains(name):
        result[name] = .array(items.enumerated().map { part($0.element, String($0.offset)) })
      case .object where applicators.contains(name): result[name] = part(value, nil)
      default: result[name] = value
      }
    }
    return .object(result)
  }

  // MARK: Naming

  private var error: GrammarError {
    // An applicator speaks through what is kept of its subschemas.
    let leaves = kept.filter { keyword in
      !kept.contains { $0.isInside(keyword.path) || keyword.target.map($0.isInside) ?? false }
    }
    let depths = leaves.map { depth(of: $0, references: 8) }
    // What stands further out demands the value that there is none of.
    let named = zip(leaves, depths).filter { $0.1 == depths.max() }.map(\.0)
    guard let first = named.first else { return GrammarError(.empty, at: "#", "the schema", "matches no text") }
    let around = kept.map(\.pointer).filter { place in named.allSatisfy { $0.isInside(place) } }
    let place = around.max { $0.utf8.count < $1.utf8.count } ?? "#"
    var names = named.prefix(Self.maxListed).map { String($0.path.dropFirst(place.count + 1)) }
    if named.count > Self.maxListed { names.append("\(named.count - Self.maxListed) others") }
    guard let last = names.popLast(), !names.isEmpty else {
      return GrammarError(.empty, at: place, first.name, "matches no text")
    }
    let list = names.joined(separator: ", ") + " and " + last
    return GrammarError(.empty, at: place, "the combination of \(list)", "matches no text")
  }

  private func depth(of keyword: Keyword, references: Int) -> Int {
    guard let base = keyword.base, references > 0, let user = kept.first(where: { $0.target == base }) else {
      return keyword.depth
    }
    return keyword.depth + depth(of: user, references: references - 1)
  }
}
