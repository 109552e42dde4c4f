/// The model families that can be run. Raw values are GGUF's names.
package enum ModelArchitecture: String, Sendable, CaseIterable {
  case llama, qwen2, qwen3, gemma3

  /// The class names of Hugging Face configurations.
  init?(className: String) {
    switch className {
    case "LlamaForCausalLM", "MistralForCausalLM": self = .llama
    case "Qwen2ForCausalLM": self = .qwen2
    case "Qwen3ForCausalLM": self = .qwen3
    case "Gemma3ForCausalLM", "Gemma3TextModel": self = .gemma3
    default: return nil
    }
  }

  static let supportedNames = "Llama, Mistral, Qwen2, Qwen3, Gemma 3 (text)"
}
