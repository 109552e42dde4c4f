/// The members that a conjunction of object facets allows: named ones in the order of their declaration, then classes
/// of other names.
struct ObjectLayout {
  struct Member {
    let name: String
    var isRequired: Bool
    /// No value is allowed by a `propertyNames`.
    var isForbidden: Bool
    let schemas: [SchemaReference]
  }

  struct OtherNames {
    /// Quoted names.
    let names: RegularID
    let schemas: [SchemaReference]
  }

  private(set) var members: [Member] = []
  private(set) var others: [OtherNames] = []
  /// Set when there are too many overlapping patterns.
  private(set) var isTooLarge = false

  init(_ facets: [SchemaShape.ObjectFacet], _ arena: inout RegularArena) {
    var names: [String] = []
    var seen: Set<String> = []
    for facet in facets {
      for name in facet.properties.map(\.name) + facet.required where seen.insert(name).inserted { names.append(name) }
    }
    let required = Set(facets.flatMap(\.required))
    for name in names {
      let quoted = JSONValue.string(name).serialized()
      var schemas: [SchemaReference] = []
      var isForbidden = false
      for facet in facets {
        var matched = facet.properties.filter { $0.name == name }.map(\.schema)
        for pattern in facet.patterns where Self.matches(pattern.names, quoted, &arena) {
          matched.append(pattern.schema)
        }
        if matched.isEmpty, let additional = facet.additional { matched = [additional] }
        schemas += matched
        if let names = facet.names, !Self.matches(names, quoted, &arena) { isForbidden = true }
      }
      members.append(
        Member(
          name: name, isRequired: required.contains(name), isForbidden: isForbidden,
          schemas: Array(Set(schemas)).sorted { ($0.index, $0.isNegated ? 1 : 0) < ($1.index, $1.isNegated ? 1 : 0) }))
    }
    findOthers(facets, names, &arena)
  }

  private static func matches(_ language: RegularID, _ text: [UInt8], _ arena: inout RegularArena) -> Bool {
    var state = language
    for byte in text { state = arena.step(state, byte) }
    return arena.nullable[Int(state)]
  }

  private mutating func findOthers(
    _ facets: [SchemaShape.ObjectFacet], _ names: [String], _ arena: inout RegularArena
  ) {
    var base = arena.quotedName()
    if !names.isEmpty {
      let declared = arena.oneOf(names.map { JSONValue.string($0).serialized() })
      base = arena.all(base, arena.not(declared))
    }
    for case let language? in facets.map(\.names) { base = arena.all(base, language) }
    let patterns = Array(Set(facets.flatMap { $0.patterns.map(\.names) })).sorted()
    guard patterns.count <= 6 else {
      isTooLarge = true
      return
    }
    for subset in 0..<(1 << patterns.count) {
      var language = base
      for (index, pattern) in patterns.enumerated() {
        language = arena.all(language, subset >> index & 1 == 1 ? pattern : arena.not(pattern))
      }
      guard arena.isLive(language) else { continue }
      var schemas: Set<SchemaReference> = []
      for facet in facets {
        let matched = facet.patterns.filter { pattern in
          patterns.firstIndex(of: pattern.names).map { subset >> $0 & 1 == 1 } ?? false
        }.map(\.schema)
        schemas.formUnion(matched)
        if matched.isEmpty, let additional = facet.additional { schemas.insert(additional) }
      }
      others.append(
        OtherNames(
          names: language,
          schemas: schemas.sorted { ($0.index, $0.isNegated ? 1 : 0) < ($1.index, $1.isNegated ? 1 : 0) }))
    }
  }
}

extension RegularArena {
  /// A member's name in its shortest spelling.
  mutating func quotedName() -> RegularID {
    let quote = literal("\"", .plain)
    return sequence([quote, star(character(.all, .json)), quote])
  }
}
