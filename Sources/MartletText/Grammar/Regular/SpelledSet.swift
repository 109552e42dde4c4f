/// One character of a set, in a spelling.
struct SpelledSet: Hashable, Sendable {
  let set: CodePointSet
  let spelling: StringSpelling
}
