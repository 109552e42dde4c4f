import Hummingbird
import MartletText
import Testing

@testable import MartletServer

/// /openapi.json tells what the routes do.
@Suite struct OpenAPITests {
  private static func routes() throws -> [ServedRoute] {
    try TestServer(ScriptedGenerator(text: "hello")).server.routes()
  }

  private static func changed(_ object: JSONValue, _ path: [String], _ value: JSONValue) -> JSONValue {
    guard let key = path.first else { return value }
    var result = object.objectValue ?? JSONObject()
    result[key] = changed(result[key] ?? .object(JSONObject()), Array(path.dropFirst()), value)
    return .object(result)
  }

  /// A value that no reader of the kind takes.
  private static func wrong(_ kind: RequestField.Kind) -> JSONValue {
    switch kind {
    case .object, .document: 7
    case .oneOf(let kinds)
    where kinds.contains { if case .object = $0 { true } else { false } }:
      7
    default: .object(JSONObject())
    }
  }

  private static func paths(_ fields: [RequestField], under path: [String] = []) -> [([String], RequestField)] {
    fields.flatMap { field in
      let own = path + [field.name]
      var all = [(own, field)]
      if case .object(let inner) = field.kind { all += paths(inner, under: own) }
      return all
    }
  }

  @Test func everyRouteIsInTheDocument() async throws {
    let server = try TestServer(ScriptedGenerator(text: "hello"))
    let reply = try await server.send("/openapi.json", method: .get)
    #expect(reply.status == 200)
    let paths = try reply.json["paths"]
    let routes = try Self.routes()
    for route in routes {
      let path = OpenAPIDocument.path(route)
      #expect(paths?[path]?["\(route.method)".lowercased()]?["summary"] != nil, "\(route.method) \(path)")
    }
    #expect(Set(routes.map { "\($0.method) \($0.path)" }).count == routes.count)
    #expect(paths?.objectValue?.count == Set(routes.map(\.path)).count)
  }

  @Test func everyExampleIsAnswered() async throws {
    let server = try TestServer(ScriptedGenerator(text: "hello"))
    for route in try Self.routes() where route.description.example != .null {
      let reply = try await server.send(route.path, route.description.example, method: route.method)
      #expect(reply.status == 200, "\(route.path): \(reply.text)")
      let body = route.description.example.objectValue?.keys ?? []
      let known = Set(route.description.body?.map(\.name) ?? [])
      #expect(known.isSuperset(of: body) && known.isSuperset(of: route.description.required), "\(route.path)")
    }
  }

  /// Whether a value is of a schema as the document writes them.
  static func conforms(_ value: JSONValue, _ schema: JSONValue) -> Bool {
    if let choices = schema["anyOf"]?.arrayValue { return choices.contains { conforms(value, $0) } }
    switch (schema["type"]?.stringValue, value) {
    case ("null", .null), ("string", .string), ("boolean", .bool), ("number", .int), ("number", .double),
      ("integer", .int):
      return true
    case ("array", .array(let items)):
      return items.allSatisfy { conforms($0, schema["items"] ?? .object(JSONObject())) }
    case ("object", .object(let object)):
      let properties = schema["properties"]
      return (schema["required"]?.arrayValue ?? []).allSatisfy { object[$0.stringValue ?? ""] != nil }
        && object.members.allSatisfy { member in properties?[member.key].map { conforms(member.value, $0) } ?? true }
    default: return schema["type"] == nil
    }
  }

  @Test func answersAreOfTheirSchemas() async throws {
    let server = try TestServer(ScriptedGenerator(text: "hello"))
    var checked = 0
    for route in try Self.routes() where !route.path.contains(":") {
      guard let shape = route.description.shape else { continue }
      // What has no example needs a file first: `BatchTests`.
      if route.method == .post, route.description.example == .null { continue }
      var bodies: [JSONObject] = [JSONObject()]
      if let example = route.description.example.objectValue {
        bodies = [example]
        if route.description.stream != nil { bodies = [JSONObject(example.members + [("stream", false)])] }
        let fields = route.description.body ?? []
        if fields.contains(where: { $0.name == "return_token_ids" }) {
          bodies.append(JSONObject(bodies[0].members + [("return_token_ids", true)]))
        }
      }
      for body in bodies {
        let path = route.path.replacing("**", with: "test")
        let reply = try await server.send(path, route.method == .get ? nil : .object(body), method: route.method)
        #expect(reply.status == 200, "\(path): \(reply.text)")
        let json = try reply.json
        #expect(Self.conforms(json, shape.schema), "\(path): \(reply.text)")
        let known = Set((shape.always + shape.sometimes).map(\.name))
        #expect(known.isSuperset(of: json.objectValue?.keys ?? []), "\(path): \(json.objectValue?.keys ?? [])")
        checked += 1
      }
      // What lacks a field is not of the schema, so that the check can fail.
      #expect(!Self.conforms(.object(JSONObject()), shape.schema))
    }
    #expect(checked > 20)
  }

  /// A reader that knows a field refuses it with a value of a wrong type, by its name.
  @Test func everyDescribedFieldIsRead() async throws {
    let server = try TestServer(ScriptedGenerator(text: "hello"))
    for route in try Self.routes() {
      for (path, field) in Self.paths(route.description.body ?? []) {
        // Inner fields that are read only beside others.
        if ["tool_choice", "stream_options"].contains(path[0]), path.count > 1 { continue }
        var example = route.description.example.objectValue ?? JSONObject()
        if path == ["prompt"] { example["messages"] = nil }
        let body = Self.changed(.object(example), path, Self.wrong(field.kind))
        let reply = try await server.send(route.path, body, method: route.method)
        #expect(reply.status == 400, "\(route.path) \(path): \(reply.text)")
        #expect(reply.text.contains(field.name), "\(route.path) \(path): \(reply.text)")
      }
    }
  }

  @Test func whatNoTextModelDoesIsRefused() async throws {
    let reply = try await TestServer(ScriptedGenerator(text: "x")).send("/v1/moderations", ["input": "x"])
    #expect(reply.status == 400 && reply.text.contains("the served model test generates text"))
  }
}
