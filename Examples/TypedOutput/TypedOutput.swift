import Martlet

/// Gets values of Swift types out of a model: `swift run -c release TypedOutput model.gguf`.
@main struct TypedOutput {
  enum Course: String, Codable, CaseIterable { case starter, main, dessert }

  struct Ingredient: Codable {
    let name: String
    let grams: Int
  }

  struct Recipe: Codable {
    let title: String
    let course: Course
    let minutes: UInt8
    let ingredients: [Ingredient]
    let hint: String?
  }

  static func main() async throws {
    guard let path = CommandLine.arguments.dropFirst().first else {
      print("usage: TypedOutput MODEL")
      return
    }
    let engine = try await Engine(modelPath: path)
    let question = ChatMessage(role: .user, content: "Give me a short recipe for pancakes, as JSON.")
    let recipe: Recipe = try await engine.generate(.chat([question]))
    print("\(recipe.title): a \(recipe.course) in \(recipe.minutes) minutes")
    for ingredient in recipe.ingredients { print("-", ingredient.name, ingredient.grams, "g") }
    if let hint = recipe.hint { print(hint) }
    await engine.shutdown()
  }
}
