import Foundation
package import Martlet
import MartletCore

/// Makes a load's requests.
package struct BenchDataset {
  package enum Name: String, Sendable, CaseIterable {
    case sharegpt, random
    case randomIDs = "random-ids"
    case generatedSharedPrefix = "generated-shared-prefix"
    case custom
  }

  package struct Options: Sendable {
    package var name = Name.random
    package var path: String?
    package var count = 1000
    /// Output tokens of sharegpt and custom requests; nil: as recorded.
    package var outputLength: Int?
    package var randomInput = 1024
    package var randomOutput = 1024
    package var randomRangeRatio = 0.0
    package var groups = 64
    package var promptsPerGroup = 16
    package var prefixLength = 2048
    package var questionLength = 128
    package var groupOutput = 256
    package var seed: UInt64 = 1
    package init() {}
  }

  private struct Conversation: Decodable {
    struct Turn: Decodable { let value: String }
    let conversations: [Turn]
  }

  private struct Custom: Decodable {
    let prompt: String
    let output_len: Int?
  }

  private let options: Options
  private let tokenizer: ModelTokenizer?
  private var random: SplitMix64

  /// - Parameter tokenizer: counts and makes texts; sharegpt and random need it.
  package init(_ options: Options, tokenizer: ModelTokenizer?) {
    self.options = options
    self.tokenizer = tokenizer
    random = SplitMix64(seed: options.seed)
  }

  package mutating func prompts() throws -> [BenchPrompt] {
    switch options.name {
    case .sharegpt: try sharegpt()
    case .custom: try custom()
    case .random: (0..<options.count).map { _ in randomPrompt(asText: true) }
    case .randomIDs: (0..<options.count).map { _ in randomPrompt(asText: false) }
    case .generatedSharedPrefix: sharedPrefixes()
    }
  }

  private func contents() throws -> Data {
    let path = options.path ?? ""
    guard let data = FileManager.default.contents(atPath: path) else {
      throw BenchFailure(description: "--dataset-path \(path): cannot be read")
    }
    return data
  }

  /// First turns of recorded conversations, with the lengths of their recorded answers, as bench_serving picks them.
  private mutating func sharegpt() throws -> [BenchPrompt] {
    let conversations: [Conversation]
    do { conversations = try JSONDecoder().decode([Conversation].self, from: try contents()) } catch {
      throw BenchFailure(description: "--dataset-path \(options.path ?? ""): is not a list of conversations")
    }
    var order = Array(conversations.indices)
    order.shuffle(using: &random)
    var prompts: [BenchPrompt] = []
    for index in order where prompts.count < options.count {
      let turns = conversations[index].conversations
      guard turns.count >= 2 else { continue }
      let input = count(turns[0].value), output = options.outputLength ?? count(turns[1].value)
      guard input >= 2, output >= 2, input <= 1024, input + output <= 2048 else { continue }
      prompts.append(BenchPrompt(content: .text(turns[0].value), inputLength: input, outputLength: output))
    }
    guard prompts.count == options.count else {
      throw BenchFailure(description: "the dataset has only \(prompts.count) usable conversations; lower --num-prompts")
    }
    return prompts
  }

  private func custom() throws -> [BenchPrompt] {
    var prompts: [BenchPrompt] = []
    for (number, line) in try contents().split(separator: UInt8(ascii: "\n")).enumerated() {
      guard prompts.count < options.count else { break }
      guard let item = try? JSONDecoder().decode(Custom.self, from: line) else {
        throw BenchFailure(description: "\(options.path ?? ""): line \(number + 1) has no prompt")
      }
      prompts.append(
        BenchPrompt(
          content: .text(item.prompt), inputLength: count(item.prompt),
          outputLength: options.outputLength ?? item.output_len ?? 256))
    }
    guard !prompts.isEmpty else { throw BenchFailure(description: "\(options.path ?? ""): holds no prompts") }
    return prompts
  }

  private func count(_ text: String) -> Int {
    tokenizer?.encode(text, addSpecialTokens: false).count ?? text.utf8.count / 4
  }

  private mutating func length(_ most: Int) -> Int {
    Int.random(in: max(1, Int(Double(most) * options.randomRangeRatio))...most, using: &random)
  }

  /// Ids below 1,000 are control tokens in many vocabularies; the 10,000 after them exist in all.
  private mutating func ids(_ count: Int) -> [Int32] {
    (0..<count).map { _ in Int32.random(in: 1_000..<11_000, using: &random) }
  }

  private mutating func randomPrompt(asText: Bool) -> BenchPrompt {
    let input = length(options.randomInput), output = length(options.randomOutput)
    let tokens = ids(input)
    guard asText, let tokenizer else {
      return BenchPrompt(content: .tokens(tokens), inputLength: input, outputLength: output)
    }
    let text = tokenizer.decode(tokens)
    return BenchPrompt(content: .text(text), inputLength: count(text), outputLength: output)
  }

  private mutating func sharedPrefixes() -> [BenchPrompt] {
    var prompts: [BenchPrompt] = []
    for _ in 0..<options.groups {
      let prefix = ids(options.prefixLength)
      for _ in 0..<options.promptsPerGroup {
        let tokens = prefix + ids(options.questionLength)
        var content = BenchPrompt.Content.tokens(tokens)
        if let tokenizer { content = .text(tokenizer.decode(tokens)) }
        prompts.append(BenchPrompt(content: content, inputLength: tokens.count, outputLength: options.groupOutput))
      }
    }
    prompts.shuffle(using: &random)
    return prompts
  }
}
