/// Hash-consed regular expressions whose derivatives are the states of lazily built automata (Brzozowski 1964; Owens,
/// Reppy, Turon: Regular-expression derivatives re-examined, 2009). Equal expressions have equal ids, up to the laws
/// that the constructors apply.
///
/// A budget that is exceeded sets `exhausted`; from then on results are meaningless and the owner must give up.
struct RegularArena: Sendable {
  static let nothing: RegularID = 0
  static let empty: RegularID = 1
  static let everything: RegularID = 2

  private(set) var nodes = LayeredArray<RegularNode>()
  private(set) var nullable: [Bool] = []
  /// Whether complement or intersection occurs inside, so that emptiness does not show in the form.
  private(set) var hasBoolean: [Bool] = []
  /// Bytes that occur in texts, and perhaps others.
  private(set) var alphabet = LayeredArray<ByteSet>()
  /// Of expressions without complement and intersection: whether they match texts of any length.
  private(set) var isInfinite: [Bool] = []
  private var index = RegularIndex()
  private(set) var tables: [ByteTable] = []
  var liveness = LivenessTable()
  var transitions = TransitionRows()
  var relaxations: [RegularID: RelaxedExpression] = [:]
  var completions: [RegularID: Int32?] = [:]
  var expressionLengths: [RegularID: ExpressionLengths] = [:]
  var characters: [SpelledSet: RegularID] = [:]

  private(set) var maxNodes: Int
  private(set) var maxRows: Int
  private var deadline: ContinuousClock.Instant?
  private(set) var exhausted: String?

  init(budget: GrammarBudget) {
    maxNodes = budget.maxNodes
    maxRows = budget.maxRows
    _ = intern(.nothing)
    _ = intern(.empty)
    _ = intern(.not(Self.nothing))
  }

  /// Starts a grammar of its own on a copy; `deadline` holds until the next call.
  mutating func limit(_ budget: GrammarBudget, deadline: ContinuousClock.Instant?) {
    maxNodes = budget.maxNodes
    maxRows = budget.maxRows
    self.deadline = deadline
  }

  /// Copies from now on share all expressions and transitions that are there.
  mutating func share() {
    nodes.share()
    alphabet.share()
    transitions.share()
  }

  mutating func exhaust(_ budget: String) { if exhausted == nil { exhausted = budget } }

  var isPastDeadline: Bool { deadline.map { ContinuousClock.now > $0 } ?? false }

  /// For loops that make few expressions.
  mutating func checkDeadline() { if isPastDeadline { exhaust("the compile time") } }

  // MARK: Constructors

  mutating func bytes(_ set: ByteSet) -> RegularID { set.isEmpty ? Self.nothing : intern(.bytes(set)) }

  mutating func literal(_ text: some BidirectionalCollection<UInt8>) -> RegularID {
    var result = Self.empty
    for byte in text.reversed() { result = sequence(bytes(ByteSet(byte...byte)), result) }
    return result
  }

  /// - Complexity: O(length of `first`).
  mutating func sequence(_ first: RegularID, _ second: RegularID) -> RegularID {
    if first == Self.nothing || second == Self.nothing { return Self.nothing }
    if first == Self.empty { return second }
    if second == Self.empty { return first }
    guard case .sequence = nodes[Int(first)] else { return intern(.sequence(first, second)) }
    var parts: [RegularID] = []
    var rest = first
    while case .sequence(let head, let tail) = nodes[Int(rest)] {
      parts.append(head)
      rest = tail
    }
    var result = intern(.sequence(rest, second))
    for part in parts.reversed() { result = intern(.sequence(part, result)) }
    return result
  }

  mutating func sequence(_ parts: [RegularID]) -> RegularID {
    parts.reversed().reduce(Self.empty) { sequence($1, $0) }
  }

  mutating func choice(_ first: RegularID, _ second: RegularID) -> RegularID { choice([first, second]) }

  mutating func choice(_ parts: [RegularID]) -> RegularID {
    var set = ByteSet.none
    var others: [RegularID] = []
    var hasEmpty = false
    for part in parts {
      switch nodes[Int(part)] {
      case .nothing: break
      case .empty: hasEmpty = true
      case .bytes(let bytes): set |= bytes
      case .choice(let inner):
        for id in inner {
          if case .bytes(let bytes) = nodes[Int(id)] {
            set |= bytes
          } else if id == Self.empty {
            hasEmpty = true
          } else {
            others.append(id)
          }
        }
      default: others.append(part)
      }
    }
    if !set.isEmpty { others.append(bytes(set)) }
    if hasEmpty, !others.contains(where: { nullable[Int($0)] }) { others.append(Self.empty) }
    guard others.count > 1 else { return others.first ?? Self.nothing }
    if others.contains(Self.everything) { return Self.everything }
    others.sort()
    let unique = Self.deduplicated(others)
    return unique.count == 1 ? unique[0] : intern(.choice(unique))
  }

  mutating func all(_ first: RegularID, _ second: RegularID) -> RegularID { all([first, second]) }

  mutating func all(_ parts: [RegularID]) -> RegularID {
    var set: ByteSet?
    var others: [RegularID] = []
    var pending = parts
    while let part = pending.popLast() {
      switch nodes[Int(part)] {
      case .nothing: return Self.nothing
      case .bytes(let bytes): set = set.map { $0 & bytes } ?? bytes
      case .all(let inner): pending += inner
      default: if part != Self.everything { others.append(part) }
      }
    }
    if let set { others.append(bytes(set)) }
    if others.contains(Self.nothing) { return Self.nothing }
    if others.contains(Self.empty) {
      return others.allSatisfy { nullable[Int($0)] } ? Self.empty : Self.nothing
    }
    guard others.count > 1 else { return others.first ?? Self.everything }
    others.sort()
    let unique = Self.deduplicated(others)
    for id in unique {
      if case .not(let inner) = nodes[Int(id)], unique.contains(inner) { return Self.nothing }
    }
    // Loops, as a closure here would copy the arena.
    for part in unique {
      for other in unique where other != part && admits(part, other) { return all(unique.filter { $0 != part }) }
    }
    return unique.count == 1 ? unique[0] : intern(.all(unique))
  }

  mutating func not(_ part: RegularID) -> RegularID {
    if case .not(let inner) = nodes[Int(part)] { return inner }
    return intern(.not(part))
  }

  /// - Parameter maximum: nil for no limit.
  mutating func repetition(_ part: RegularID, minimum: Int32, maximum: Int32?) -> RegularID {
    let maximum = maximum ?? RegularNode.unbounded
    if maximum == 0 || part == Self.empty { return Self.empty }
    if part == Self.nothing { return minimum == 0 ? Self.empty : Self.nothing }
    if minimum == 1, maximum == 1 { return part }
    if case .repetition(_, minimum: 0, maximum: RegularNode.unbounded) = nodes[Int(part)] { return part }
    return intern(.repetition(part, minimum: nullable[Int(part)] ? 0 : minimum, maximum: maximum))
  }

  mutating func optional(_ part: RegularID) -> RegularID { choice(part, Self.empty) }
  mutating func star(_ part: RegularID) -> RegularID { repetition(part, minimum: 0, maximum: nil) }
  mutating func plus(_ part: RegularID) -> RegularID { repetition(part, minimum: 1, maximum: nil) }

  /// The automaton's language from its state 0.
  mutating func table(_ table: ByteTable) -> RegularID {
    tables.append(table)
    return intern(.table(Int32(tables.count - 1), 0))
  }

  private static func deduplicated(_ sorted: [RegularID]) -> [RegularID] {
    var unique: [RegularID] = []
    unique.reserveCapacity(sorted.count)
    for id in sorted where unique.last != id { unique.append(id) }
    return unique
  }

  mutating func intern(_ node: RegularNode) -> RegularID {
    let hash = node.hashValue
    if let known = index.find(hash, where: { nodes[Int($0)] == node }) { return known }
    guard nodes.count < maxNodes, exhausted == nil else {
      exhaust("the number of expressions")
      return Self.nothing
    }
    if nodes.count & 255 == 0, let deadline {
      if ContinuousClock.now > deadline { exhaust("the compile time") }
      // Nobody waits for the grammar any more.
      if Task.isCancelled { exhaust("the compilation, which was cancelled,") }
    }
    let id = RegularID(nodes.count)
    nodes.append(node)
    nullable.append(isNullable(node))
    hasBoolean.append(isBoolean(node))
    alphabet.append(alphabet(of: node))
    isInfinite.append(isInfinite(node))
    index.insert(id, hash: hash) { [nodes] in nodes[Int($0)].hashValue }
    liveness.grow()
    transitions.grow()
    if case .sequence(let first, let rest) = node, case .bytes(let set) = nodes[Int(first)], let byte = set.single,
      !hasBoolean[Int(rest)]
    {
      transitions.setLiteral(id, byte, rest)
    }
    return id
  }
}
