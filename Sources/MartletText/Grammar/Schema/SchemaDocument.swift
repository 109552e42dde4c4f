/// The subschemas of a document by JSON pointer, and the resolution of references between them.
struct SchemaDocument {
  private(set) var schemas: [(pointer: String, value: JSONValue)] = []
  private var byPointer: [String: Int] = [:]
  private var anchors: [String: String] = [:]
  /// Subschemas with an identifier of their own: what is inside resolves its references against it.
  private var resources: [String] = []
  private let root: JSONValue
  /// Draft 7 and older: members beside `$ref` do not count.
  let referenceHidesSiblings: Bool

  init(_ root: JSONValue) throws(GrammarError) {
    self.root = root
    let draft = root["$schema"]?.stringValue ?? ""
    referenceHidesSiblings = ["draft-03", "draft-04", "draft-06", "draft-07"].contains { draft.contains($0) }
    collectAnchors(root, "#", depth: 0)
  }

  private mutating func collectAnchors(_ value: JSONValue, _ pointer: String, depth: Int) {
    guard depth < 128 else { return }
    switch value {
    case .object(let object):
      if depth > 0 || pointer == "#" {
        for key in ["$id", "id"] {
          guard let id = object[key]?.stringValue else { continue }
          anchors[id.hasSuffix("#") ? String(id.dropLast()) : id] = pointer
          if depth > 0, !id.hasPrefix("#") { resources.append(pointer + "/") }
        }
        // An anchor that is there twice belongs to two resources.
        if let anchor = object["$anchor"]?.stringValue {
          anchors["#" + anchor] = anchors["#" + anchor] == nil ? pointer : "ambiguous"
        }
      }
      for (key, member) in object.members where key != "enum" && key != "const" && key != "default" {
        collectAnchors(member, pointer + "/" + Self.escape(key), depth: depth + 1)
      }
    case .array(let items):
      for (index, item) in items.enumerated() { collectAnchors(item, "\(pointer)/\(index)", depth: depth + 1) }
    case .null, .bool, .int, .double, .string: break
    }
  }

  static func escape(_ key: String) -> String {
    var result = ""
    for scalar in key.unicodeScalars {
      switch scalar {
      case "~": result += "~0"
      case "/": result += "~1"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  mutating func reference(_ pointer: String, _ value: JSONValue) -> SchemaReference {
    if let known = byPointer[pointer] { return SchemaReference(index: known) }
    schemas.append((pointer, value))
    byPointer[pointer] = schemas.count - 1
    return SchemaReference(index: schemas.count - 1)
  }

  /// The schema that `$ref` names; only references within the document are known.
  mutating func resolve(_ text: String, at pointer: String) throws(GrammarError) -> SchemaReference {
    var target = text
    guard !resources.contains(where: { (pointer + "/").hasPrefix($0) }) else {
      throw GrammarError(.unsupported, at: pointer, "$ref", "inside a schema with an $id of its own cannot be resolved")
    }
    if target == "" || target == "#" { return reference("#", root) }
    if !target.hasPrefix("#/"), let place = anchors[target.hasSuffix("#") ? String(target.dropLast()) : target] {
      target = place
    }
    if target == "#" { return reference("#", root) }
    guard target.hasPrefix("#/") else {
      throw GrammarError(.unsupported, at: pointer, "$ref", "to \(text) leads out of the document")
    }
    guard let decoded = Self.percentDecoded(String(target.dropFirst(2))) else {
      throw GrammarError(.invalid, at: pointer, "$ref", "to \(text) is not well formed")
    }
    var value = root
    var place = "#"
    for part in decoded.split(separator: "/", omittingEmptySubsequences: false) {
      let key = Self.unescape(String(part))
      place += "/" + Self.escape(key)
      if let member = value[key] {
        value = member
      } else if let items = value.arrayValue, let index = Int(key), items.indices.contains(index) {
        value = items[index]
      } else {
        throw GrammarError(.invalid, at: pointer, "$ref", "to \(text) finds nothing")
      }
    }
    return reference(place, value)
  }

  private static func unescape(_ part: String) -> String {
    var result = ""
    var scalars = part.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      if scalar == "~", let next = scalars.first, next == "0" || next == "1" {
        scalars.removeFirst()
        result += next == "0" ? "~" : "/"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static func percentDecoded(_ text: String) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
        return nil
      }
      bytes.append(value)
      rest.removeFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }
}
