package import MartletCore
package import MartletText

/// Everything that the routes know of the model; the composition root fills it in once.
package struct ServedModel: Sendable {
  package var name: String
  package var modelPath: String
  /// Seconds since 1970.
  package var created: Int
  package var tokenizer: Tokenizer
  package var template: ChatTemplate?
  package var generator: any Generator
  package var contextLength: Int
  package var defaults = GenerationDefaults()
  package var architectures: [String] = []
  package var modelType = ""
  /// The spellings that templates know as `bos_token` and `eos_token`.
  package var beginText = ""
  package var endText = ""
  package var weightVersion = "default"
  /// The resolved options, for `/server_info`; holds no secrets.
  package var serverInfo = JSONObject()

  package init(
    name: String, modelPath: String, created: Int, tokenizer: Tokenizer, template: ChatTemplate?,
    generator: any Generator, contextLength: Int
  ) {
    self.name = name
    self.modelPath = modelPath
    self.created = created
    self.tokenizer = tokenizer
    self.template = template
    self.generator = generator
    self.contextLength = contextLength
  }

  var promptBuilder: PromptBuilder {
    PromptBuilder(tokenizer: tokenizer, template: template, beginText: beginText, endText: endText)
  }
}
