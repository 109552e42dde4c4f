/// A token of a grammar's text.
struct GrammarToken: Equatable {
  enum Kind: Equatable {
    case name(String)
    /// With `i`: any case.
    case literal(String, ignoresCase: Bool)
    /// A character class or a regular expression, in the notation of the latter.
    case pattern(String)
    case symbol(Character)
    /// `::=` or Lark's `:`.
    case defines
    case bounds(Int32, Int32?)
    /// Lark's `%ignore`, `%import` ...
    case directive(String)
    case newline
  }

  let kind: Kind
  let line: Int
}
