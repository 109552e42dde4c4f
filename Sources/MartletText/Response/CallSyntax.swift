/// How a format writes calls, as far as the server makes a model write them.
struct CallSyntax: Sendable {
  enum Arguments: Sendable {
    /// One JSON object.
    case json
    /// A tag for each parameter.
    case tags(ArgumentTags)
    /// `key=value` with JSON values, separated by commas.
    case keywords
    /// `key:value`, with strings between the given tags.
    case gemma(quote: String)
  }

  /// Up to the first call's name.
  var beforeName: String
  /// Behind a name, up to the arguments. `{index}` is the number of the call.
  var behindName: String
  /// Behind the last call's arguments, up to the end of all calls.
  var ending: String
  /// From the end of a call's arguments to the next one's name; nil where only one call can be written.
  var next: String?
  var arguments = Arguments.json

  /// The first call up to its name, or up to its arguments when the function is known.
  func beginning(function: String?) -> String { beforeName + (function.map { $0 + behindName } ?? "") }
}

/// How one parameter is written in a format of tags.
struct ArgumentTags: Sendable {
  var beforeKey: String
  /// Between the name and a text that is a string.
  var beforeString: String
  /// Between the name and a value of any other type; nil: the same.
  var beforeJSON: String?
  var end: String
  /// What ends a value, so that no string may have it.
  var stops: [String]
}
