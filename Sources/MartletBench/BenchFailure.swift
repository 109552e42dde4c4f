/// Why a load cannot be made or sent.
package struct BenchFailure: Error, CustomStringConvertible {
  package let description: String
  package init(description: String) { self.description = description }
}
