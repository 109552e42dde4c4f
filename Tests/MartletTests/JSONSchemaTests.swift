import Foundation
import MartletCore
import MartletText
import Testing

@testable import Martlet

/// Schemas that types decode from.
@Suite struct JSONSchemaTests {
  private enum Course: String, Decodable, CaseIterable { case starter, main, dessert }
  private enum Level: Int, Decodable, CaseIterable { case easy = 1, hard = 3 }

  private struct Ingredient: Decodable {
    let name: String
    let grams: Double
    let note: String?
  }

  private struct Recipe: Decodable {
    enum CodingKeys: String, CodingKey {
      case title, course, level, ingredients, published, minutes, nutrition, source, id
      case isVegan = "is_vegan"
    }
    let title: String
    let course: Course
    let level: Level?
    let ingredients: [Ingredient]
    let published: Date
    let minutes: UInt8
    let nutrition: [String: Int]
    let source: URL
    let id: UUID?
    let isVegan: Bool
  }

  /// A tree and its forest.
  private struct Node: Decodable {
    let name: String
    let children: [Node]
    let byName: [String: Node]?
  }
  private final class Link: Decodable {
    let next: Link?
    init(next: Link?) { self.next = next }
  }
  private struct Endless: Decodable { let inner: Box }
  private struct Box: Decodable { let endless: [Endless], direct: Direct }
  private final class Direct: Decodable { let itself: Direct }

  private struct Email: Decodable {
    let text: String
    init(from decoder: any Decoder) throws {
      text = try decoder.singleValueContainer().decode(String.self)
      guard text.contains("@") else { throw CocoaError(.coderInvalidValue) }
    }
  }
  private struct Percent: SchemaProviding {
    static let jsonSchema = #"{"type":"integer","minimum":0,"maximum":100}"#
    static let example = Percent(value: 50)
    let value: Int
    init(value: Int) { self.value = value }
    init(from decoder: any Decoder) throws { value = try decoder.singleValueContainer().decode(Int.self) }
  }

  /// [x, y], and an unkeyed container of as many items as there are.
  private struct Point: Decodable {
    let x: Double, y: Double
    init(from decoder: any Decoder) throws {
      var container = try decoder.unkeyedContainer()
      x = try container.decode(Double.self)
      y = try container.decode(Double.self)
    }
  }
  private struct Line: Decodable {
    let points: [Point], width: Int?, percent: Percent, gaps: [Int?]
  }

  private static let number: JSONValue = [
    "type": "number", "minimum": -9_007_199_254_740_991, "maximum": 9_007_199_254_740_991,
  ]

  private static func schema<Value: Decodable>(_ type: Value.Type) throws -> JSONValue {
    try JSONValue(parsing: try JSONSchema(of: type).text)
  }

  @Test func membersHaveTheirTypes() throws {
    let schema = try Self.schema(Recipe.self), members = try #require(schema["properties"])
    #expect(
      schema["required"]?.arrayValue?.compactMap(\.stringValue)
        == ["title", "course", "ingredients", "published", "minutes", "nutrition", "source", "is_vegan"])
    #expect(schema["additionalProperties"] == false)
    #expect(members["title"] == ["type": "string"])
    #expect(members["course"] == ["enum": ["starter", "main", "dessert"]])
    #expect(members["level"] == ["enum": [1, 3]])
    #expect(members["minutes"] == ["type": "integer", "minimum": 0, "maximum": 255])
    #expect(members["nutrition"]?["additionalProperties"]?["type"] == "integer")
    #expect(members["published"]?["format"] == "date-time" && members["source"]?["format"] == "uri")
    #expect(members["ingredients"]?["items"]?["required"] == ["name", "grams"])
    #expect(members["id"]?["format"] == "uuid" && members["is_vegan"] == ["type": "boolean"])
  }

  @Test func unkeyedContainersAndOwnSchemas() throws {
    let members = try #require(try Self.schema(Line.self)["properties"])
    let point = members["points"]?["items"]
    #expect(point?["prefixItems"] == [Self.number, Self.number] && point?["items"] == false)
    #expect(members["percent"]?["maximum"] == 100)
    #expect(members["gaps"]?["items"]?["anyOf"]?.arrayValue?.last == ["type": "null"])
  }

  @Test func typesThatHoldThemselvesBecomeReferences() throws {
    let node = try Self.schema(Node.self), definition = try #require(node["$defs"]?["Node"])
    #expect(node["$ref"] == "#/$defs/Node")
    #expect(definition["properties"]?["children"]?["items"] == ["$ref": "#/$defs/Node"])
    #expect(definition["properties"]?["byName"]?["additionalProperties"] == ["$ref": "#/$defs/Node"])
    #expect(try Self.schema(Link.self)["$defs"]?["Link"]?["properties"]?["next"] == ["$ref": "#/$defs/Link"])
    let error = #expect(throws: MartletError.self) { try JSONSchema(of: Endless.self) }
    #expect(error?.description.contains("inner.direct.itself") == true)
  }

  @Test func typesThatRefuseExamplesAreNamed() {
    let error = #expect(throws: MartletError.self) { try JSONSchema(of: [String: [Email]].self) }
    #expect(
      error?.description.contains("at *.[]: Email") == true && error?.description.contains("SchemaProviding") == true)
  }

  /// Random texts under the schemas decode: the schema promises what the type takes.
  @Test(arguments: [UInt64](0..<40)) func whatTheSchemaAllowsDecodes(seed: UInt64) throws {
    try Self.decode(Recipe.self, seed)
    try Self.decode(Line.self, seed)
    try Self.decode(Node.self, seed)
    try Self.decode([Course].self, seed)
    try Self.decode(Data.self, seed)
  }

  private static func decode<Value: Decodable & Sendable>(_ type: Value.Type, _ seed: UInt64) throws {
    guard case .jsonSchema(let schema) = try OutputForm.instances(of: type) else { return }
    let grammar = try GrammarCompiler(vocabulary: .bytes()).compile(.jsonSchema(schema, .any))
    var matcher = GrammarMatcher(grammar), text: [UInt8] = [], random = SplitMix64(seed: seed)
    while !(matcher.accepts && (text.count > 2_000 || random.next() % 8 == 0)) {
      guard text.count < 20_000 else { return }
      let mask = matcher.mask()
      var allowed = (0..<Int32(256)).filter { mask[Int($0 >> 5)] >> UInt32($0 & 31) & 1 == 1 }
      // Plain characters where they go, and ends as soon as they come.
      let plain = allowed.filter { (0x21...0x7A).contains($0) && $0 != 0x5C }
      if !plain.isEmpty { allowed = plain }
      if let end = allowed.first(where: { [0x22, 0x7D, 0x5D].contains($0) }), random.next() % 3 == 0 {
        allowed = [end]
      }
      guard !allowed.isEmpty else { break }
      let byte = UInt8(truncatingIfNeeded: allowed[Int(random.next() % UInt64(allowed.count))])
      guard matcher.advance(bytes: [byte]) else { break }
      text.append(byte)
    }
    var generation = Generation()
    generation.text = String(decoding: text, as: UTF8.self)
    generation.finishReason = .stop
    #expect(throws: Never.self, "\(generation.text)") { try Engine.decode(type, generation, maxTokens: 1) }
  }

  @Test func aTextThatWasCutOffIsNamed() {
    var generation = Generation()
    generation.text = "[1, 2"
    generation.finishReason = .length
    let error = #expect(throws: MartletError.self) { try Engine.decode([Int].self, generation, maxTokens: 5) }
    #expect(error?.description.contains("raise maxTokens") == true)
  }
}
