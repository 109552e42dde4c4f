/// One step of the engine: which sequences take slots, which give them up, and the rows to run. Within one plan the
/// releases happen before the admissions, the admissions before the rows.
package struct StepPlan: Sendable {
  package var releases: [SlotIndex] = []
  package var admissions: [SlotAdmission] = []
  package var rows: [StepRow] = []
  package init() {}
  /// Tokens that this step computes.
  package var tokenCount: Int { rows.reduce(0) { $0 + $1.input.count } }
}
