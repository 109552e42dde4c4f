import ArgumentParser
import Martlet
import MartletBench

/// What a load is made of, in the spelling of SGLang's bench_serving.
struct BenchDatasetFlags: ParsableArguments {
  @Option(help: "The load.")
  var datasetName = BenchDataset.Name.random

  @Option(
    help:
      "File of sharegpt (JSON list of conversations) or custom (JSON Lines with prompt, and output_len if wanted).")
  var datasetPath: String?

  @Option(help: "Model whose tokenizer counts and makes texts: GGUF file or Hugging Face folder.")
  var tokenizer: String?

  @Option(help: "Requests.")
  var numPrompts = 1000

  @Option(help: "Output tokens of sharegpt and custom requests. Default: as long as the recorded answer.")
  var sharegptOutputLen: Int?

  @Option(help: "Prompt tokens of random requests.")
  var randomInputLen = 1024

  @Option(help: "Output tokens of random requests.")
  var randomOutputLen = 1024

  @Option(help: "Least share of the random lengths; 1 makes all of them equal.")
  var randomRangeRatio = 0.0

  @Option(help: "Groups with a prefix of their own.")
  var gspNumGroups = 64

  @Option(help: "Requests of each group; replaces --num-prompts.")
  var gspPromptsPerGroup = 16

  @Option(help: "Tokens of each group's prefix.")
  var gspSystemPromptLen = 2048

  @Option(help: "Tokens behind the prefix.")
  var gspQuestionLen = 128

  @Option(help: "Output tokens of each request of a group.")
  var gspOutputLen = 256

  @Option(help: "The same seed makes the same load.")
  var seed: UInt64 = 1

  func validate() throws {
    for (name, value) in [
      ("--num-prompts", numPrompts), ("--random-input-len", randomInputLen), ("--random-output-len", randomOutputLen),
      ("--gsp-num-groups", gspNumGroups), ("--gsp-prompts-per-group", gspPromptsPerGroup),
      ("--gsp-system-prompt-len", gspSystemPromptLen), ("--gsp-question-len", gspQuestionLen),
      ("--gsp-output-len", gspOutputLen), ("--sharegpt-output-len", sharegptOutputLen ?? 1),
    ] where !(1...10_000_000).contains(value) {
      throw ValidationError("\(name) must be between 1 and 10000000, got \(value)")
    }
    guard (0...1).contains(randomRangeRatio) else {
      throw ValidationError("--random-range-ratio must be between 0 and 1, got \(randomRangeRatio)")
    }
    if datasetName == .sharegpt || datasetName == .custom, datasetPath == nil {
      throw ValidationError("--dataset-name \(datasetName.rawValue) needs --dataset-path")
    }
  }

  /// For loads on servers, whose tokenizer is not at hand.
  func validateTokenizer() throws {
    if datasetName == .sharegpt || datasetName == .random, tokenizer == nil {
      throw ValidationError("--dataset-name \(datasetName.rawValue) needs --tokenizer")
    }
  }

  /// - Parameter other: the tokenizer to use where the flags name none.
  func dataset(tokenizer other: ModelTokenizer? = nil) throws -> BenchDataset {
    var options = BenchDataset.Options()
    options.name = datasetName
    options.path = datasetPath
    options.count = numPrompts
    options.outputLength = sharegptOutputLen
    options.randomInput = randomInputLen
    options.randomOutput = randomOutputLen
    options.randomRangeRatio = randomRangeRatio
    options.groups = gspNumGroups
    options.promptsPerGroup = gspPromptsPerGroup
    options.prefixLength = gspSystemPromptLen
    options.questionLength = gspQuestionLen
    options.groupOutput = gspOutputLen
    options.seed = seed
    return BenchDataset(options, tokenizer: try tokenizer.map { try ModelTokenizer(modelPath: $0) } ?? other)
  }
}

extension BenchDataset.Name: ExpressibleByArgument {}
