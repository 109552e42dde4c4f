/// What is known about which expressions match anything at all.
struct LivenessTable: Sendable {
  enum Verdict: UInt8, Sendable { case unknown, live, dead }
  private var verdicts: [Verdict] = []
  /// Distinct targets of explored states.
  private var successors: [RegularID: [RegularID]] = [:]

  mutating func grow() { verdicts.append(.unknown) }

  subscript(id: RegularID) -> Verdict {
    get { verdicts[Int(id)] }
    set { verdicts[Int(id)] = newValue }
  }

  func knownSuccessors(_ id: RegularID) -> [RegularID]? { successors[id] }
  mutating func setSuccessors(_ id: RegularID, _ list: [RegularID]) { successors[id] = list }
}
