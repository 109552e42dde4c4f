/// Methods of values that are not texts. The values cannot be changed, so methods that would are absent.
enum TemplateMethods {
  static let dictionary: [String: TemplateParameters] = [
    "get": TemplateParameters("key default", required: 1, takesNames: false), "items": TemplateParameters(),
    "keys": TemplateParameters(), "values": TemplateParameters(), "copy": TemplateParameters(),
  ]
  static let list: [String: TemplateParameters] = [
    "index": TemplateParameters("value start stop", required: 1, takesNames: false),
    "count": TemplateParameters("value", required: 1, takesNames: false), "copy": TemplateParameters(),
  ]
  private static let number: Set<String> = ["bit_length", "is_integer", "conjugate"]

  static func numberAttribute(_ name: String, of value: TemplateValue) -> TemplateValue? {
    let whole: TemplateValue = value.integer.map { .int($0) } ?? value
    let isDouble = value.integer == nil
    switch name {
    case "real": return whole
    case "imag": return isDouble ? .double(0) : .int(0)
    case "numerator" where !isDouble: return whole
    case "denominator" where !isDouble: return .int(1)
    case "bit_length" where isDouble, "is_integer" where !isDouble: return nil
    default: return number.contains(name) ? .method(value, name) : nil
    }
  }

  static func call(
    _ name: String, on receiver: TemplateValue, _ arguments: TemplateArguments, _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> TemplateValue {
    switch receiver {
    case .string, .markup: return try TemplateTextMethods.call(name, on: receiver, arguments, &runtime)
    case .dictionary(let members):
      let bound = try (dictionary[name] ?? TemplateParameters()).bind(arguments, of: "dict.\(name)()")
      switch name {
      case "get": return try members[bound[0] ?? .none] ?? bound[1] ?? .none
      case "copy": return receiver
      default: return TemplateDictionary.View(rawValue: name).map { .view(members, $0) } ?? .none
      }
    case .sequence(let items):
      let bound = try (list[name] ?? TemplateParameters()).bind(arguments, of: "list.\(name)()")
      try runtime.budget.charge(bytes: items.extent.size)
      switch name {
      case "count": return .int(Int64(items.count { $0.equals(bound[0] ?? .none) }))
      case "index":
        let range = try TemplateSlice(lower: bound[1], upper: bound[2], step: nil).bounds(count: items.count)
        let place = (range.start..<(range.start + range.count)).first { items[$0].equals(bound[0] ?? .none) }
        guard let place else { throw TemplateError("list.index() does not find the value") }
        return .int(Int64(place))
      default: return receiver
      }
    case .object(let id): return try call(name, on: id, arguments, &runtime)
    default:
      _ = try TemplateParameters().bind(arguments, of: name)
      switch name {
      case "bit_length":
        return .int(Int64(UInt64.bitWidth - (receiver.integer ?? 0).magnitude.leadingZeroBitCount))
      case "is_integer": return .bool(receiver.number.map { $0 == $0.rounded() && $0.isFinite } ?? false)
      default: return numberAttribute("real", of: receiver) ?? receiver
      }
    }
  }

  private static func call(
    _ name: String, on id: TemplateObject.ID, _ arguments: TemplateArguments, _ runtime: inout TemplateRuntime
  ) throws(TemplateError) -> TemplateValue {
    switch (runtime[id], name) {
    case (.loop(let loop), "cycle"): return try loop.cycle(arguments.positional)
    case (.loop(var loop), "changed"):
      let isChanged = loop.changed(arguments.positional)
      runtime[id] = .loop(loop)
      return .bool(isChanged)
    case (.cycler(let items, let position), "next"):
      runtime[id] = .cycler(items, position: (position + 1) % items.count)
      return items[position]
    case (.cycler(let items, _), "reset"):
      runtime[id] = .cycler(items, position: 0)
      return .none
    default: throw TemplateError("the method \(name) is not supported")
    }
  }
}
