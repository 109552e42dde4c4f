import MartletText

/// The OpenAPI 3.1 document of a list of routes.
enum OpenAPIDocument {
  static func json(_ routes: [ServedRoute], version: JSONValue) -> JSONValue {
    var paths = JSONObject()
    for route in routes {
      let path = route.path.replacing("**", with: "{name}")
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

  private static func operation(_ route: ServedRoute) -> JSONValue {
    let description = route.description, method = "\(route.method)".lowercased()
    var content = JSONObject()
    if description.answer != .none { content[description.answer.rawValue] = .object(JSONObject()) }
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
    if route.path.hasSuffix("**") {
      operation["parameters"] = [
        ["name": "name", "in": "path", "required": true, "schema": ["type": "string"]]
      ]
    }
    if let body = description.body {
      operation["requestBody"] = [
        "required": true,
        "content": [
          "application/json": [
            "schema": RequestField.schema(of: body, required: description.required), "example": description.example,
          ]
        ],
      ]
    }
    return .object(operation)
  }
}
