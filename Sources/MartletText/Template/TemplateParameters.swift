/// The parameters of a filter, function or method: what Python would check when it is called.
struct TemplateParameters: Sendable {
  let names: [String]
  let required: Int
  /// False for most of Python's own methods.
  let takesNames: Bool

  /// - Parameter names: separated by spaces; the `required` first ones must be given.
  init(_ names: String = "", required: Int = 0, takesNames: Bool = true) {
    self.names = names.split(separator: " ").map(String.init)
    self.required = required
    self.takesNames = takesNames
  }

  /// The argument of each parameter, nil where none is given.
  func bind(_ arguments: TemplateArguments, of callee: String) throws(TemplateError) -> [TemplateValue?] {
    guard arguments.positional.count <= names.count else {
      throw TemplateError(
        "\(callee) takes \(names.count == 0 ? "no" : "at most \(names.count)") arguments, not \(arguments.positional.count)"
      )
    }
    var bound = arguments.positional.map(Optional.some)
    bound += [TemplateValue?](repeating: nil, count: names.count - bound.count)
    for (name, value) in arguments.named {
      guard takesNames, let place = names.firstIndex(of: name) else {
        throw TemplateError("\(callee) takes no argument named '\(name)'")
      }
      guard bound[place] == nil else { throw TemplateError("\(callee) is given '\(name)' twice") }
      bound[place] = value
    }
    for place in 0..<required where bound[place] == nil {
      throw TemplateError("\(callee) needs the argument '\(names[place])'")
    }
    return bound
  }
}
