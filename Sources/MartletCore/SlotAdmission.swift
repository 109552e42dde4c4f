/// A sequence takes a slot, at its start or when it resumes after a retraction.
package struct SlotAdmission: Sendable {
  package let slot: SlotIndex
  package let request: GenerationRequest
  /// Tokens already generated before a retraction; sampling state (penalties, positions) continues after them.
  package let generated: [TokenID]
  package init(slot: SlotIndex, request: GenerationRequest, generated: [TokenID]) {
    self.slot = slot
    self.request = request
    self.generated = generated
  }
}
