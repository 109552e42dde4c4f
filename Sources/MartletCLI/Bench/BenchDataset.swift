import Foundation
import Martlet

/// Makes a load's requests.
struct BenchDataset {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private struct Conversation: Decodable {
    struct Turn: Decodable { let value: String }
    let conversations: [Turn]
  }

  private struct Custom: Decodable {
    let prompt: String
    let output_len: Int?
  }

  private let flags: BenchDatasetFlags
  private let tokenizer: ModelTokenizer?
  private var random: BenchRandom

  init(_ flags: BenchDatasetFlags) throws {
    self.flags = flags
    tokenizer = try flags.tokenizer.map { try ModelTokenizer(modelPath: $0) }
    random = BenchRandom(seed: flags.seed)
  }

  mutating func prompts() throws -> [BenchPrompt] {
    switch flags.datasetName {
    case .sharegpt: try sharegpt()
    case .custom: try custom()
    case .random: (0..<flags.numPrompts).map { _ in randomPrompt(asText: true) }
    case .randomIDs: (0..<flags.numPrompts).map { _ in randomPrompt(asText: false) }
    case .generatedSharedPrefix: sharedPrefixes()
    }
  }

  private func contents() throws -> Data {
    let path = flags.datasetPath ?? ""
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Failure(description: "--dataset-path \(path): cannot be read")
    }
    return data
  }

  /// First turns of recorded conversations, with the lengths of their recorded answers, as bench_serving picks them.
  private mutating func sharegpt() throws -> [BenchPrompt] {
    let conversations: [Conversation]
    do { conversations = try JSONDecoder().decode([Conversation].self, from: try contents()) } catch {
      throw Failure(description: "--dataset-path \(flags.datasetPath ?? ""): is not a list of conversations")
    }
    var order = Array(conversations.indices)
    order.shuffle(using: &random)
    var prompts: [BenchPrompt] = []
    for index in order where prompts.count < flags.numPrompts {
      let turns = conversations[index].conversations
      guard turns.count >= 2 else { continue }
      let input = count(turns[0].value), output = flags.sharegptOutputLen ?? count(turns[1].value)
      guard input >= 2, output >= 2, input <= 1024, input + output <= 2048 else { continue }
      prompts.append(BenchPrompt(content: .text(turns[0].value), inputLength: input, outputLength: output))
    }
    guard prompts.count == flags.numPrompts else {
      throw Failure(description: "the dataset has only \(prompts.count) usable conversations; lower --num-prompts")
    }
    return prompts
  }

  private func custom() throws -> [BenchPrompt] {
    var prompts: [BenchPrompt] = []
    for (number, line) in try contents().split(separator: UInt8(ascii: "\n")).enumerated() {
      guard prompts.count < flags.numPrompts else { break }
      guard let item = try? JSONDecoder().decode(Custom.self, from: line) else {
        throw Failure(description: "\(flags.datasetPath ?? ""): line \(number + 1) has no prompt")
      }
      prompts.append(
        BenchPrompt(
          content: .text(item.prompt), inputLength: count(item.prompt),
          outputLength: flags.sharegptOutputLen ?? item.output_len ?? 256))
    }
    guard !prompts.isEmpty else { throw Failure(description: "\(flags.datasetPath ?? ""): holds no prompts") }
    return prompts
  }

  private func count(_ text: String) -> Int {
    tokenizer?.encode(text, addSpecialTokens: false).count ?? text.utf8.count / 4
  }

  private mutating func length(_ most: Int) -> Int {
    Int.random(in: max(1, Int(Double(most) * flags.randomRangeRatio))...most, using: &random)
  }

  /// Ids below 1,000 are control tokens in many vocabularies; the 10,000 after them exist in all.
  private mutating func ids(_ count: Int) -> [Int32] {
    (0..<count).map { _ in Int32.random(in: 1_000..<11_000, using: &random) }
  }

  private mutating func randomPrompt(asText: Bool) -> BenchPrompt {
    let input = length(flags.randomInputLen), output = length(flags.randomOutputLen)
    let tokens = ids(input)
    guard asText, let tokenizer else {
      return BenchPrompt(content: .tokens(tokens), inputLength: input, outputLength: output)
    }
    let text = tokenizer.decode(tokens)
    return BenchPrompt(content: .text(text), inputLength: count(text), outputLength: output)
  }

  private mutating func sharedPrefixes() -> [BenchPrompt] {
    var prompts: [BenchPrompt] = []
    for _ in 0..<flags.gspNumGroups {
      let prefix = ids(flags.gspSystemPromptLen)
      for _ in 0..<flags.gspPromptsPerGroup {
        let tokens = prefix + ids(flags.gspQuestionLen)
        var content = BenchPrompt.Content.tokens(tokens)
        if let tokenizer { content = .text(tokenizer.decode(tokens)) }
        prompts.append(BenchPrompt(content: content, inputLength: tokens.count, outputLength: flags.gspOutputLen))
      }
    }
    prompts.shuffle(using: &random)
    return prompts
  }
}
