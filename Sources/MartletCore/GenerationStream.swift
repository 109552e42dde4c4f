/// The events of one admitted generation. Dropping the iteration cancels it.
package struct GenerationStream: Sendable {
  package let id: RequestID
  package let events: AsyncStream<GenerationEvent>
  package init(id: RequestID, events: AsyncStream<GenerationEvent>) {
    self.id = id
    self.events = events
  }
}
