import ArgumentParser
import Martlet

/// The flags that shape an answer.
struct SamplingFlags: ParsableArguments {
  @Option(help: "Randomness; 0 is greedy. Default: the model's own, else 1.")
  var temperature: Double?

  @Option(help: "Keep the smallest set of tokens with this much probability.")
  var topP: Double?

  @Option(help: "Keep the k likeliest tokens; -1 keeps all.")
  var topK: Int?

  @Option(help: "Drop tokens less likely than this share of the likeliest.")
  var minP: Double?

  @Option(help: "Over 1 discourages repetition.")
  var repetitionPenalty: Double?

  @Option(help: "The same seed gives the same text.")
  var seed: UInt64?

  @Option(help: "The answer's longest length in tokens.")
  var maxNewTokens: Int?

  @Option(help: "End the text before this string; may be repeated.")
  var stop: [String] = []

  func sampling(defaultMaxTokens: Int) -> Sampling {
    var sampling = Sampling(temperature: temperature, maxTokens: maxNewTokens ?? defaultMaxTokens, seed: seed)
    sampling.topP = topP
    sampling.topK = topK
    sampling.minP = minP
    sampling.repetitionPenalty = repetitionPenalty
    sampling.stop = stop
    return sampling
  }
}
