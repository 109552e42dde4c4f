/// A place in a template's source; both numbers count from 1.
struct TemplatePlace: Equatable, Sendable {
  let line: Int
  let column: Int
}
