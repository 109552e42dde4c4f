import Foundation

extension Engine {
  /// Generates a value: the text is held to the type's schema, and decoded.
  ///
  ///     let recipe: Recipe = try await engine.generate("A recipe for pancakes as JSON:")
  ///
  /// - Parameter sampling: `form` is replaced by the type's; white space is that between separators unless it is chosen.
  /// - Throws: `MartletError` for types without a schema, and for a text that `maxTokens` has cut off.
  public func generate<Value: Decodable & Sendable>(
    _ prompt: Prompt, as type: Value.Type = Value.self, sampling: Sampling = Sampling(maxTokens: 1024)
  ) async throws -> Value {
    var sampling = sampling
    sampling.form = try .instances(of: type)
    // Nobody reads the text, and what must come in it costs least where there is no choice.
    if sampling.jsonWhitespace == .any { sampling.jsonWhitespace = .separators }
    let generation: Generation = try await generate(prompt, sampling: sampling)
    return try Self.decode(type, generation, maxTokens: sampling.maxTokens)
  }

  /// Decodes what was generated under the schema of a type.
  static func decode<Value: Decodable>(
    _ type: Value.Type, _ generation: Generation, maxTokens: Int
  ) throws -> Value {
    guard generation.finishReason == .stop else {
      throw MartletError(
        .request,
        generation.finishReason == .length
          ? "\(type) was not complete after \(maxTokens) tokens: raise maxTokens" : "the generation was cancelled")
    }
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    return try decoder.decode(type, from: Data(generation.text.utf8))
  }
}
