import MartletCompute
import MartletCore

/// Log-probabilities of given tokens in rows of logits that nothing has changed yet. Waits for the device.
struct LogprobReader {
  struct Wish {
    let row: Int
    let token: Int32
    let options: LogprobOptions
  }

  let device: Device
  let logits: DeviceArray<Float>
  let vocabulary: Int

  /// Answers in the wishes' order. Neighbouring rows that want as many alternatives are read together.
  func read(_ wishes: [Wish]) throws(KernelError) -> [TokenLogprobs] {
    var answers: [TokenLogprobs] = []
    var start = 0
    while start < wishes.count {
      var end = start + 1
      while end < wishes.count, wishes[end].row == wishes[end - 1].row + 1,
        wishes[end].options.topCount == wishes[start].options.topCount
      {
        end += 1
      }
      answers += try readRun(wishes[start..<end])
      start = end
    }
    return answers
  }

  private func readRun(_ wishes: ArraySlice<Wish>) throws(KernelError) -> [TokenLogprobs] {
    guard let first = wishes.first else { return [] }
    let values = try device.logprobs(
      logits, firstRow: first.row, vocabulary: vocabulary, tokens: wishes.map(\.token),
      topCount: min(first.options.topCount, vocabulary))
    var answers: [TokenLogprobs] = []
    for (wish, value) in zip(wishes, values) {
      answers.append(
        TokenLogprobs(
          token: TokenID(wish.token), logprob: value.logprob,
          top: value.top.map { TokenLogprobs.Alternative(token: TokenID($0.token), logprob: $0.logprob) },
          selected: try selected(wish, logprob: value.logprob)))
    }
    return answers
  }

  /// The tokens that the request asks for at every position.
  private func selected(_ wish: Wish, logprob: Float) throws(KernelError) -> [TokenLogprobs.Alternative] {
    guard !wish.options.tokens.isEmpty else { return [] }
    let values = try device.download(logits.suffix(from: wish.row * vocabulary), count: vocabulary)
    let normalizer = values[Int(wish.token)] - logprob
    return wish.options.tokens.map { token in
      TokenLogprobs.Alternative(token: token, logprob: values[Int(token.rawValue)] - normalizer)
    }
  }
}
