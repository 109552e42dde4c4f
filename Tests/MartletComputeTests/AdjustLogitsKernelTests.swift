import CMartletKernels
import Testing

/// Bias, penalties, suppression and mask against a model of the documented rules.
@Suite struct AdjustLogitsKernelTests {
  struct Entry: Sendable {
    var token: Int32
    var count: UInt32
  }

  struct Rule: Sendable {
    var bias: [(token: Int32, value: Float)] = []
    var history: [Entry] = []
    var suppressed: [Int32] = []
    var mask: [UInt32]?
    var repetition: Float = 1
    var frequency: Float = 0
    var presence: Float = 0

    /// The rule as documented, one step after the other.
    func apply(to logits: inout [Float]) {
      for (token, value) in bias { logits[Int(token)] += value }
      for entry in history {
        var logit = logits[Int(entry.token)]
        if logit > 0 { logit = logit / repetition } else { logit = logit * repetition }
        if entry.count > 0 { logit -= presence + frequency * Float(entry.count) }
        logits[Int(entry.token)] = logit
      }
      for token in suppressed { logits[Int(token)] = -.infinity }
      guard let mask else { return }
      for token in logits.indices where mask[token / 32] & (1 << UInt32(token % 32)) == 0 {
        logits[token] = -.infinity
      }
    }
  }

  /// A rule in the memory of its arrays.
  @safe private struct StoredRule {
    let biasTokens: KernelBuffer<Int32>, biasValues: KernelBuffer<Float>
    let history: KernelBuffer<mk_history_entry>
    let suppressed: KernelBuffer<Int32>
    let mask: KernelBuffer<UInt32>?
    let rule: Rule

    init(_ rule: Rule) {
      self.rule = rule
      biasTokens = KernelBuffer(rule.bias.map(\.token))
      biasValues = KernelBuffer(rule.bias.map(\.value))
      history = KernelBuffer(rule.history.map { mk_history_entry(token: $0.token, generated_count: $0.count) })
      suppressed = KernelBuffer(rule.suppressed)
      mask = rule.mask.map { KernelBuffer($0) }
    }

    var row: mk_adjust_row {
      unsafe mk_adjust_row(
        bias_tokens: biasTokens.count > 0 ? biasTokens.base : nil,
        bias_values: biasValues.count > 0 ? biasValues.base : nil,
        history: history.count > 0 ? history.base : nil,
        suppressed: suppressed.count > 0 ? suppressed.base : nil, allowed_mask: mask?.base,
        bias_count: UInt32(biasTokens.count), history_count: UInt32(history.count),
        suppressed_count: UInt32(suppressed.count), repetition: rule.repetition, frequency: rule.frequency,
        presence: rule.presence)
    }
  }

  private func adjust(_ stream: CPUStream, _ logits: [Float], rules: [Rule]) -> (status: Int32, logits: [Float]) {
    let stored = rules.map { StoredRule($0) }
    let buffer = KernelBuffer(logits)
    let rows: [mk_adjust_row] = unsafe stored.map { unsafe $0.row }
    let status: Int32 = unsafe rows.withUnsafeBufferPointer { rows in
      var arguments = unsafe mk_adjust_args(
        logits: buffer.base, rows: UInt32(rules.count), vocab: UInt32(logits.count / rules.count),
        row: rows.baseAddress,
        row_memory: 0
      )
      return unsafe stream.table.adjust_logits(stream.stream, &arguments)
    }
    return withExtendedLifetime(stored) { (status, buffer.values) }
  }

  private func randomRule(vocabulary: Int, _ random: inout RandomSource) -> Rule {
    var rule = Rule()
    func tokens(_ random: inout RandomSource, _ limit: Int) -> [Int32] {
      let count = Int.random(in: 0...min(limit, vocabulary), using: &random)
      return (0..<count).map { _ in Int32.random(in: 0..<Int32(vocabulary), using: &random) }
    }
    rule.bias = tokens(&random, 9).map { ($0, Float.random(in: -20...20, using: &random)) }
    rule.history = Set(tokens(&random, 200)).sorted().map {
      Entry(token: $0, count: UInt32.random(in: 0...5, using: &random))
    }
    rule.suppressed = tokens(&random, 7)
    if Bool.random(using: &random) {
      // The last word's bits past the vocabulary are random too, and must not matter.
      rule.mask = (0..<((vocabulary + 31) / 32)).map { _ in
        switch Int.random(in: 0..<3, using: &random) {
        case 0: UInt32.max
        case 1: 0
        default: UInt32.random(in: 0...UInt32.max, using: &random)
        }
      }
    }
    rule.repetition = Float.random(in: 0.5...2, using: &random)
    rule.frequency = Float.random(in: -2...2, using: &random)
    rule.presence = Float.random(in: -2...2, using: &random)
    return rule
  }

  @Test(arguments: cpuVariants, [1, 2, 31, 32, 33, 64, 1000, 5003])
  func randomRowsFollowTheDocumentedOrder(variant: Int, vocabulary: Int) {
    guard let stream = CPUStream(variant) else { return }
    var random = RandomSource(state: UInt64(vocabulary))
    for rows in [1, 3, 8] {
      var logits = random.floats(rows * vocabulary, scale: 15)
      logits[0] = -.infinity
      logits[logits.count - 1] = 0
      let rules = (0..<rows).map { _ in randomRule(vocabulary: vocabulary, &random) }
      var expected: [Float] = []
      for (row, rule) in rules.enumerated() {
        var values = Array(logits[(row * vocabulary)..<((row + 1) * vocabulary)])
        rule.apply(to: &values)
        expected += values
      }
      let result = adjust(stream, logits, rules: rules)
      #expect(result.status == MK_OK)
      #expect(result.logits.map(\.bitPattern) == expected.map(\.bitPattern), "\(rows) rows")
    }
  }

  @Test(arguments: cpuVariants) func stepsApplyInOrder(variant: Int) {
    guard let stream = CPUStream(variant) else { return }
    var rule = Rule()
    // -1 + 5 is positive, so it is divided; 1 - 5 is not, so it is multiplied; a bias does not lift a suppression.
    rule.bias = [(0, 5), (1, -5), (2, 100), (3, 100)]
    rule.history = [Entry(token: 0, count: 0), Entry(token: 1, count: 3), Entry(token: 4, count: 2)]
    rule.suppressed = [2]
    rule.mask = [0b1101_0111]
    (rule.repetition, rule.frequency, rule.presence) = (2, 0.5, 0.25)
    let result = adjust(stream, [-1, 1, 7, 7, 3, 9], rules: [rule])
    #expect(result.status == MK_OK)
    let expected: [Float] = [2, -9.75, -.infinity, -.infinity, 0.25, -.infinity]
    #expect(result.logits == expected)
  }

  @Test(arguments: cpuVariants) func neutralRulesChangeNothing(variant: Int) {
    guard let stream = CPUStream(variant) else { return }
    var random = RandomSource(state: 8)
    let logits = random.floats(2 * 77)
    var full = Rule(history: [Entry(token: 3, count: 4)])
    full.mask = [.max, .max, 0x1fff]
    let result = adjust(stream, logits, rules: [Rule(), full])
    #expect(result.status == MK_OK)
    #expect(result.logits.map(\.bitPattern) == logits.map(\.bitPattern))
  }

  @Test(arguments: cpuVariants) func oneBadRowLeavesEveryRowUnchanged(variant: Int) {
    guard let stream = CPUStream(variant) else { return }
    let vocabulary = 40
    var random = RandomSource(state: 9)
    let logits = random.floats(3 * vocabulary)
    var good = Rule(bias: [(1, 3)], history: [Entry(token: 2, count: 1)], suppressed: [3], mask: [0, 0])
    good.presence = 1
    var bad: [Rule] = []
    for token in [Int32(-1), Int32(vocabulary), Int32.max, Int32.min] {
      bad.append(Rule(bias: [(0, 1), (token, 1)]))
      bad.append(Rule(history: [Entry(token: token, count: 0)]))
      bad.append(Rule(suppressed: [5, token]))
    }
    for repetition in [0, -1, -Float.infinity, .nan] { bad.append(Rule(repetition: repetition)) }
    for rule in bad {
      let result = adjust(stream, logits, rules: [good, good, rule])
      #expect(result.status == MK_INVALID_ARGUMENT)
      #expect(result.logits == logits)
    }
  }
}
