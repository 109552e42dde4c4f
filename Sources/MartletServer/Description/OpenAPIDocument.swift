import MartletText

/// The OpenAPI 3.1 document of a list of routes.
enum OpenAPIDocument {
  static func json(_ routes: [ServedRoute], version: JSONValue) -> JSONValue {
    var paths = JSONObject()
    for route in routes {
      let path = path(route)
      var operations = paths[path]?.objectValue ?? JSONObject()
      operations["\(route.method)".lowercased()] = operation(route)
      paths[path] = .object(operations)
    }
    return [
      "openapi": "3.1.0", "info": ["title": "Martlet", "version": version], "paths": .object(paths),
      "security": [["bearer": []], ["header": []], .object(JSONObject())],
      "components": [
        "securitySchemes": [
          "bearer": ["type": "http", "scheme": "bearer"],
          "header": ["type": "apiKey", "in": "header", "name": "x-api-key"],
        ]
      ],
    ]
  }

  /// The route's path as OpenAPI writes it.
  static func path(_ route: ServedRoute) -> String {
    route.path.replacing("**", with: "{name}").replacing(":id", with: "{id}")
  }

  private static func operation(_ route: ServedRoute) -> JSONValue {
    let description = route.description, method = "\(route.method)".lowercased()
    var content = JSONObject()
    if description.answer != .none {
      content[description.answer.rawValue] = description.shape.map { ["schema": $0.schema] } ?? .object(JSONObject())
    }
    if let stream = description.stream { content[stream] = .object(JSONObject()) }
    var good: JSONObject = ["description": "The answer"]
    if !content.members.isEmpty { good["content"] = .object(content) }
    var operation: JSONObject = [
      "operationId": .string("\(method)\(route.path.replacing("/", with: "_"))"),
      "summary": .string(description.summary),
      "responses": [
        "200": .object(good), "default": ["description": "An error, in the form of the route's dialect"],
      ],
    ]
    let parameter = route.path.hasSuffix("**") ? "name" : route.path.contains(":id") ? "id" : nil
    if let parameter {
      operation["parameters"] = [
        ["name": .string(parameter), "in": "path", "required": true, "schema": ["type": "string"]]
      ]
    }
    if let body = description.body {
      var content: JSONObject = ["schema": RequestField.schema(of: body, required: description.required)]
      if description.example != .null { content["example"] = description.example }
      operation["requestBody"] = ["required": true, "content": ["application/json": .object(content)]]
    }
    return .object(operation)
  }
}
