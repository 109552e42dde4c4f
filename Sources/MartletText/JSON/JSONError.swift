/// Bytes that are not the JSON that was expected.
package struct JSONError: Error, Equatable, Sendable {
  /// Byte offset of the fault.
  package let offset: Int
  package let message: String
  package init(offset: Int, message: String) {
    self.offset = offset
    self.message = message
  }
}
