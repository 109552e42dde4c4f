import CMartletKernels
import Foundation
import Testing

/// Log-probabilities against their definition in double precision.
@Suite struct LogprobsKernelTests {
  struct Output {
    var tokenLogprobs: [Float]
    var topTokens: [Int32]
    var topLogprobs: [Float]
  }

  private func run(_ stream: CPUStream, _ logits: [Float], rows: Int, tokens: [Int32]?, top: Int) -> Output {
    let input = KernelBuffer(logits), chosen = tokens.map { KernelBuffer($0) }
    let tokenLogprobs = KernelBuffer<Float>(repeating: -77, count: rows)
    let topTokens = KernelBuffer<Int32>(repeating: -77, count: rows * top)
    let topLogprobs = KernelBuffer<Float>(repeating: -77, count: rows * top)
    var arguments = unsafe mk_logprob_args(
      logits: input.base, rows: UInt32(rows), vocab: UInt32(logits.count / rows), tokens: chosen?.base,
      token_logprobs: tokenLogprobs.base, top_count: UInt32(top), top_tokens: topTokens.base,
      top_logprobs: topLogprobs.base)
    #expect(unsafe stream.table.logprobs(stream.stream, &arguments) == MK_OK)
    return withExtendedLifetime((input, chosen)) {
      Output(tokenLogprobs: tokenLogprobs.values, topTokens: topTokens.values, topLogprobs: topLogprobs.values)
    }
  }

  /// Log softmax of one row; what is not finite counts as absent.
  private func definition(_ row: ArraySlice<Float>) -> [Double] {
    let logits = row.map { $0.isFinite ? Double($0) : -Double.infinity }
    let largest = logits.max() ?? -.infinity
    guard largest > -.infinity else { return logits }
    let normaliser = largest + log(logits.reduce(0) { $0 + exp($1 - largest) })
    return logits.map { $0 - normaliser }
  }

  private func best(_ logprobs: [Double], _ count: Int) -> [Int32] {
    let order = logprobs.indices.sorted { (logprobs[$0], $1) > (logprobs[$1], $0) }
    return order.prefix(count).map { Int32($0) }
  }

  private func isClose(_ value: Float, _ expected: Double) -> Bool {
    if expected == -.infinity { return value == -.infinity }
    return abs(Double(value) - expected) <= 2e-6 * max(1, abs(expected))
  }

  /// Random logits with ties and some that are not finite.
  private func logits(_ count: Int, scale: Float, _ random: inout RandomSource) -> [Float] {
    var values = random.floats(count, scale: scale)
    for index in values.indices {
      switch Int.random(in: 0..<12, using: &random) {
      case 0: values[index] = -.infinity
      case 1: values[index] = [.infinity, .nan][index % 2]
      case 2, 3: values[index] = values[Int.random(in: 0...index, using: &random)]
      case 4: values[index] = -0.0
      case 5: values[index] = 0
      default: break
      }
    }
    return values
  }

  @Test(arguments: cpuVariants, [1, 2, 15, 16, 17, 1000, 9001])
  func valuesFollowTheDefinition(variant: Int, vocabulary: Int) {
    guard let stream = CPUStream(variant) else { return }
    var random = RandomSource(state: UInt64(vocabulary))
    for (rows, scale) in [(1, Float(3)), (5, 30), (3, 0.001), (2, 20000)] {
      let input = logits(rows * vocabulary, scale: scale, &random)
      let tokens = (0..<rows).map { _ in Int32.random(in: 0..<Int32(vocabulary), using: &random) }
      for top in Set([0, 1, min(20, vocabulary), min(1000, vocabulary)]) {
        let output = run(stream, input, rows: rows, tokens: tokens, top: top)
        for row in 0..<rows {
          let expected = definition(input[(row * vocabulary)..<((row + 1) * vocabulary)])
          #expect(isClose(output.tokenLogprobs[row], expected[Int(tokens[row])]))
          let found = Array(output.topTokens[(row * top)..<((row + 1) * top)])
          #expect(found == best(expected, top), "\(rows) rows, \(top) best, scale \(scale)")
          let values = output.topLogprobs[(row * top)..<((row + 1) * top)]
          #expect(zip(values, found).allSatisfy { isClose($0, expected[Int($1)]) }, "scale \(scale)")
        }
      }
    }
  }

  @Test(arguments: cpuVariants) func equalLogitsComeByLowestIdentifier(variant: Int) {
    guard let stream = CPUStream(variant) else { return }
    var row = [Float](repeating: 1, count: 100)
    (row[40], row[90], row[3]) = (2, 2, .nan)
    let output = run(stream, row, rows: 1, tokens: nil, top: 5)
    #expect(output.topTokens == [40, 90, 0, 1, 2])
    #expect(output.tokenLogprobs == [-77])
    let flat = run(stream, [Float](repeating: 0, count: 33), rows: 1, tokens: [32], top: 33)
    #expect(flat.topTokens == (0..<33).map { Int32($0) })
    #expect(flat.topLogprobs.allSatisfy { isClose($0, -log(33)) })
  }

  @Test(arguments: cpuVariants) func rowsWithoutAFiniteLogitGiveMinusInfinityInIdentifierOrder(variant: Int) {
    guard let stream = CPUStream(variant) else { return }
    let output = run(stream, [.nan, .infinity, -.infinity, .nan], rows: 1, tokens: [1], top: 4)
    #expect(output.tokenLogprobs == [-.infinity])
    #expect(output.topTokens == [0, 1, 2, 3])
    #expect(output.topLogprobs.allSatisfy { $0 == -.infinity })
  }

  @Test(arguments: cpuVariants) func aRowGivesTheSameBytesAloneAndAmongMany(variant: Int) {
    guard let stream = CPUStream(variant, threads: 3) else { return }
    var random = RandomSource(state: 21)
    let vocabulary = 4099, rows = 64, top = 8
    let input = logits(rows * vocabulary, scale: 12, &random)
    let tokens = (0..<rows).map { _ in Int32.random(in: 0..<Int32(vocabulary), using: &random) }
    let many = run(stream, input, rows: rows, tokens: tokens, top: top)
    for row in [0, 1, 31, 63] {
      let slice = Array(input[(row * vocabulary)..<((row + 1) * vocabulary)])
      let alone = run(stream, slice, rows: 1, tokens: [tokens[row]], top: top)
      #expect(alone.tokenLogprobs[0].bitPattern == many.tokenLogprobs[row].bitPattern)
      #expect(alone.topTokens == Array(many.topTokens[(row * top)..<((row + 1) * top)]))
      let values = many.topLogprobs[(row * top)..<((row + 1) * top)]
      #expect(alone.topLogprobs.map(\.bitPattern) == values.map(\.bitPattern))
    }
  }
}
