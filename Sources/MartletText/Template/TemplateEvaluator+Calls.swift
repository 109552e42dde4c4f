import Foundation

extension TemplateEvaluator {
  mutating func call(_ callee: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError) -> TemplateValue {
    switch callee {
    case .macro(let macro): return .string(try run(macro, arguments))
    case .function(let name): return try call(function: name, arguments)
    case .method(.string(let text), let name): return try call(method: name, on: text, arguments)
    case .method(.dictionary(let dictionary), let name): return try call(method: name, on: dictionary, arguments)
    case .method(.sequence(let items), let name):
      switch name {
      case "count": return .int(Int64(items.filter { $0.equals(arguments.value(0, "value") ?? .none) }.count))
      case "index":
        guard let place = items.firstIndex(where: { $0.equals(arguments.value(0, "value") ?? .none) }) else {
          throw error("the value is not in the list")
        }
        return .int(Int64(place))
      default: return .sequence(items)
      }
    case .undefined(let name): throw error("'\(name)' is undefined")
    default: throw error("\(callee.representation) is not callable")
    }
  }

  private mutating func call(function name: String, _ arguments: TemplateArguments) throws(TemplateError)
    -> TemplateValue
  {
    switch name {
    case "raise_exception": throw error(arguments.value(0, "message")?.text ?? "", .raised)
    case "namespace":
      var members = arguments.named
      if case .dictionary(let given)? = arguments.positional.first {
        for key in given.keys { members[key.text] = given[key] }
      }
      let namespace = TemplateNamespace(members)
      namespaces.append(namespace)
      return .namespace(namespace)
    case "dict":
      var dictionary = TemplateDictionary()
      if case .dictionary(let given)? = arguments.positional.first { dictionary = given }
      for key in arguments.named.keys.sorted() { dictionary[key] = arguments.named[key] }
      return .dictionary(dictionary)
    case "range": return try range(arguments)
    case "strftime_now": return .string(TemplateDate(clock: clock).formatted(arguments.text(0, "format") ?? ""))
    default: throw error("\(name) is not supported")
    }
  }

  private func range(_ arguments: TemplateArguments) throws(TemplateError) -> TemplateValue {
    let numbers = arguments.positional.compactMap(\.integer)
    guard numbers.count == arguments.positional.count, (1...3).contains(numbers.count) else {
      throw error("range takes one to three integers")
    }
    let start = numbers.count > 1 ? numbers[0] : 0, end = numbers.count > 1 ? numbers[1] : numbers[0]
    let step = numbers.count > 2 ? numbers[2] : 1
    guard step != 0 else { throw error("range's step must not be 0") }
    guard start.magnitude < 1 << 40, end.magnitude < 1 << 40, step.magnitude < 1 << 40 else {
      throw error("range is too large", .budgetExceeded)
    }
    let count = step > 0 ? (end - start + step - 1) / step : (start - end - step - 1) / -step
    guard count <= Int64(Self.maxItems) else { throw error("range is too large", .budgetExceeded) }
    return .list((0..<max(0, count)).map { .int(start + $0 * step) })
  }

  private func call(
    method name: String, on dictionary: TemplateDictionary, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    switch name {
    case "get": return dictionary[arguments.value(0, "key") ?? .string("")] ?? arguments.value(1, "default") ?? .none
    case "items": return .list(dictionary.keys.map { .tuple([$0, dictionary[$0] ?? .none]) })
    case "keys": return .list(dictionary.keys)
    case "values": return .list(dictionary.keys.map { dictionary[$0] ?? .none })
    default: return .dictionary(dictionary)
    }
  }

  private mutating func call(
    method name: String, on text: String, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    try charge(bytes: text.utf8.count)
    switch name {
    case "upper": return .string(text.uppercased())
    case "lower": return .string(text.lowercased())
    case "title": return .string(TemplateText.titled(text))
    case "capitalize": return .string(TemplateText.capitalized(text))
    case "strip", "lstrip", "rstrip":
      return .string(
        TemplateText.stripped(text, arguments.text(0, "chars"), left: name != "rstrip", right: name != "lstrip"))
    case "startswith", "endswith":
      let options: [TemplateValue]
      if case .sequence(let list)? = arguments.positional.first {
        options = list.items
      } else {
        options = arguments.positional
      }
      return .bool(options.contains { name == "startswith" ? text.hasPrefix($0.text) : text.hasSuffix($0.text) })
    case "removeprefix":
      let prefix = arguments.text(0, "prefix") ?? ""
      return .string(text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text)
    case "removesuffix":
      let suffix = arguments.text(0, "suffix") ?? ""
      return .string(text.hasSuffix(suffix) ? String(text.dropLast(suffix.count)) : text)
    case "replace":
      return .string(
        TemplateText.replaced(
          text, arguments.text(0, "old") ?? "", arguments.text(1, "new") ?? "", arguments.value(2, "count")?.integer))
    case "split", "rsplit":
      let limit = arguments.value(1, "maxsplit")?.integer ?? -1
      return .list(
        TemplateText.split(text, arguments.text(0, "sep"), limit: Int(limit), fromRight: name == "rsplit").map {
          .string($0)
        })
    case "splitlines":
      return .list(text.split(separator: "\n", omittingEmptySubsequences: false).map { .string(String($0)) })
    case "join":
      return .string((arguments.positional.first?.elements ?? []).map(\.text).joined(separator: text))
    case "find", "rfind", "index", "count":
      let part = arguments.text(0, "sub") ?? ""
      let places = TemplateText.places(of: part, in: text)
      if name == "count" { return .int(Int64(places.count)) }
      let place = name == "rfind" ? places.last : places.first
      if name == "index", place == nil { throw error("the text is not found") }
      return .int(Int64(place ?? -1))
    case "isdigit":
      return .bool(!text.isEmpty && text.unicodeScalars.allSatisfy { $0.properties.numericType == .decimal })
    case "isalpha": return .bool(!text.isEmpty && text.unicodeScalars.allSatisfy { $0.properties.isAlphabetic })
    case "isalnum":
      return .bool(
        !text.isEmpty
          && text.unicodeScalars.allSatisfy { $0.properties.isAlphabetic || $0.properties.numericType != nil })
    case "isspace": return .bool(!text.isEmpty && text.unicodeScalars.allSatisfy { $0.properties.isWhitespace })
    case "isupper": return .bool(text != text.lowercased() && text == text.uppercased())
    case "islower": return .bool(text != text.uppercased() && text == text.lowercased())
    case "zfill":
      let width = Int(min(max(0, arguments.positional.first?.integer ?? 0), 4096))
      return .string(String(repeating: "0", count: max(0, width - text.unicodeScalars.count)) + text)
    case "format":
      guard let result = TemplateText.format(text, arguments) else { throw error("a faulty format") }
      return .string(result)
    default: throw error("the method \(name) is not supported")
    }
  }
}
