/// What a client calls the fields of its functions: dialects nest them in different ways.
struct ToolFieldNames: Sendable {
  /// Keys of `RequestFields.clientNames`; the place in the list goes between the brackets.
  static let function = "tools[].function", parameters = "tools[].function.parameters"

  private let clientNames: [String: String]

  init(_ fields: RequestFields) { clientNames = fields.clientNames }

  /// The name of a function's member, such as "tools[1].function.strict".
  func field(_ index: Int, _ key: String) -> String {
    let own = key == "parameters" ? clientNames[Self.parameters] : nil
    let name = own ?? "\(clientNames[Self.function] ?? Self.function).\(key)"
    return name.replacing("[]", with: "[\(index)]")
  }
}
