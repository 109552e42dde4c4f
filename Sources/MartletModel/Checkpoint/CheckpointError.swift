/// A model file or folder that cannot be used: which file, which field, what is wrong, and what to do about it.
package struct CheckpointError: Error, Equatable, Sendable, CustomStringConvertible {
  package let file: String
  package let field: String
  package let problem: String
  package let remedy: String

  package init(file: String, field: String, problem: String, remedy: String = "the file may be damaged: fetch it again")
  {
    self.file = file
    self.field = field
    self.problem = problem
    self.remedy = remedy
  }

  package var description: String { "\(file): \(field): \(problem); \(remedy)" }
}
