import ArgumentParser

/// The model of a command, by its place or by SGLang's flag.
struct ModelFlags: ParsableArguments {
  @Argument(help: "GGUF file or Hugging Face folder.")
  var model: String?

  @Option(
    name: [.customLong("model-path"), .customLong("model")],
    help: ArgumentHelp("The same as <model>, in SGLang's spelling.", valueName: "model"))
  var modelPath: String?

  /// The model, and what else stood in its place because the flag named the model.
  /// - Throws: `ValidationError` when there is no model.
  func resolve() throws -> (path: String, extra: String?) {
    if let modelPath { return (modelPath, model) }
    guard let model else { throw ValidationError("give a model: a GGUF file or a Hugging Face folder") }
    return (model, nil)
  }

  /// The model of a command that takes no other arguments.
  func path() throws -> String {
    let (path, extra) = try resolve()
    if let extra { throw ValidationError("two models are given: \(path) and \(extra)") }
    return path
  }
}
