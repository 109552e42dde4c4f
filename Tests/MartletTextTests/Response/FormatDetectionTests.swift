import Foundation
import Testing

@testable import MartletText

/// The formats that real chat templates tell.
@Suite struct FormatDetectionTests {
  private static func template(_ name: String) throws -> String {
    let file = Bundle.module.resourceURL?.appendingPathComponent("Goldens/templates/chat-\(name).json")
    let golden = try JSONValue(parsing: Array(Data(contentsOf: try #require(file))))
    return try #require(golden["template"]?.stringValue)
  }

  @Test(arguments: [
    ("Qwen-Qwen3-0.6B", "qwen25", "qwen3"), ("Qwen3-Coder", "qwen3_coder", nil), ("Qwen3.5-4B", "qwen3_coder", "qwen3"),
    ("Qwen-QwQ-32B", "qwen25", "qwen3"), ("meta-llama-Llama-3.1-8B-Instruct", "llama3", nil),
    ("meta-llama-Llama-3.2-3B-Instruct", "llama3", nil), ("mistralai-Mistral-Nemo-Instruct-2407", "mistral", nil),
    ("Mistral-Small-3.2-24B-Instruct-2506", "mistral", nil),
    ("mistralai-Ministral-3-14B-Reasoning-2512", "mistral", "mistral"),
    ("deepseek-ai-DeepSeek-V3.1", "deepseekv31", "deepseek-v3"),
    ("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "deepseekv3", "deepseek-v3"), ("google-gemma-2-2b-it", nil, nil),
    ("openai-gpt-oss-120b", "gpt-oss", "gpt-oss"), ("Kimi-K2-Thinking", "kimi_k2", "kimi_k2"),
    ("ibm-granite-granite-3.3-2B-Instruct", "granite", "qwen3"),
    ("GLM-4.6", "glm45", "glm45"), ("microsoft-Phi-3.5-mini-instruct", nil, nil),
    ("ByteDance-Seed-OSS", "seed_oss", "seed_oss"), ("NVIDIA-Nemotron-Nano-v2", "nemotron", "nemotron_3"),
    ("NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "qwen25", nil), ("MiniMax-M2", "minimax-m2", "minimax"),
    ("HuggingFaceTB-SmolLM3-3B", nil, "qwen3"), ("LFM2-8B-A1B", "lfm2", nil),
    ("google-gemma-4-31B-it", "gemma4", "gemma4"),
  ])
  func templatesTellTheirFormats(name: String, tools: String?, reasoning: String?) throws {
    let template = try Self.template(name)
    #expect(FormatDetection.toolFormat(template: template)?.name == tools)
    #expect(FormatDetection.reasoningFormat(template: template)?.name == reasoning)
  }

  @Test func everyNameOfTheTableIsFound() {
    for name in ToolFormat.names { #expect(ToolFormat.named(name)?.name == name) }
    for name in ReasoningFormat.names { #expect(ReasoningFormat.named(name)?.name == name) }
    #expect(ToolFormat.named("hermes")?.name == "qwen25")
    #expect(ToolFormat.named("none such") == nil)
    #expect(ReasoningFormat.named("none such") == nil)
  }
}
