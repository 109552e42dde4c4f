import Martlet

/// Gets values of Swift types out of a model: `swift run -c release TypedOutput model.gguf`.
@main struct TypedOutput {
  enum Course: String, Codable, CaseIterable { case starter, main, dessert }

  struct Ingredient: Codable {
    let name: String
    let grams: Int
  }

  /// States its schema itself, as its Swift type does not say how many there are: a small model would go on for ever.
  struct Ingredients: SchemaProviding {
    let list: [Ingredient]

    static let jsonSchema = """
      {"type": "array", "minItems": 2, "maxItems": 6, "items": {
        "type": "object", "required": ["name", "grams"], "additionalProperties": false,
        "properties": {
          "name": {"type": "string", "maxLength": 40}, "grams": {"type": "integer", "minimum": 1, "maximum": 999}}
      }}
      """
    static let example = Ingredients(list: [])

    init(list: [Ingredient]) { self.list = list }
    init(from decoder: any Decoder) throws { list = try [Ingredient](from: decoder) }
  }

  struct Recipe: Decodable {
    let title: String
    let course: Course
    let minutes: UInt8
    let ingredients: Ingredients
    let hint: String?
  }

  static func main() async throws {
    guard let path = CommandLine.arguments.dropFirst().first else {
      print("usage: TypedOutput MODEL")
      return
    }
    let engine = try await Engine(modelPath: path)
    let question = ChatMessage(role: .user, content: "Give me a short recipe for pancakes, as JSON.")
    do {
      let recipe: Recipe = try await engine.generate(.chat([question]))
      print("\(recipe.title): a \(recipe.course) in \(recipe.minutes) minutes")
      for ingredient in recipe.ingredients.list { print("-", ingredient.name, ingredient.grams, "g") }
      if let hint = recipe.hint { print(hint) }
    } catch let error as MartletError {
      print(error)
    }
    await engine.shutdown()
  }
}
