/// Sampling values that the model's own files recommend; they stand where a request says nothing.
package struct GenerationDefaults: Sendable {
  package var temperature: Double?
  package var topP: Double?
  package var topK: Int?
  package var minP: Double?
  package var repetitionPenalty: Double?
  package init() {}
}
