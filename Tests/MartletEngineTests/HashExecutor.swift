import MartletCore

/// A model whose next token is a hash of all tokens before it, read back from the pages that the plan names: a page
/// given to two sequences, or a wrong prefix match, changes the output.
struct HashExecutor: StepExecutor {
  private let pageSize: Int
  /// Tokens that the next one depends on, which then repeat soon; nil: all of them.
  private let span: Int?
  private var memory: [[Int32]]
  private var requests: [SlotIndex: Int32] = [:]
  private var last: [SlotIndex: TokenID] = [:]
  private var results: [StepResult] = []
  private var serial: UInt64 = 0

  init(pageCount: Int, pageSize: Int, span: Int? = nil) {
    self.pageSize = pageSize
    self.span = span
    memory = Array(repeating: Array(repeating: -1, count: pageSize), count: pageCount)
  }

  static func next(after history: [Int32], span: Int? = nil) -> TokenID {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for token in history.suffix(span ?? history.count) {
      hash = (hash ^ UInt64(UInt32(bitPattern: token))) &* 0x100_0000_01b3
    }
    return TokenID(Int32((hash >> 33) % (span == nil ? 1000 : 6)))
  }

  /// The imagined hidden state of the last token.
  static func hidden(after history: [Int32], span: Int? = nil) -> [Float] {
    [Float(next(after: history, span: span).rawValue), Float(history.count)]
  }

  mutating func launch(_ plan: StepPlan) throws(ExecutorError) -> StepTicket {
    for admission in plan.admissions { last[admission.slot] = admission.generated.last }
    var rows: [StepResult.Row] = []
    for row in plan.rows {
      var input: [TokenID] = []
      switch row.input {
      case .tokens(let tokens): input = tokens
      case .lastSampled: if let token = last[row.slot] { input = [token] }
      }
      for (offset, token) in input.enumerated() {
        let position = row.start + offset
        memory[Int(row.pages[position / pageSize].rawValue)][position % pageSize] = token.rawValue
      }
      var result = StepResult.Row()
      for offset in row.pooled {
        let history = (0...row.start + offset).map { memory[Int(row.pages[$0 / pageSize].rawValue)][$0 % pageSize] }
        result.hidden += Self.hidden(after: history, span: span)
      }
      if row.samples {
        var history = (0..<(row.start + input.count - row.draftCount)).map { position in
          memory[Int(row.pages[position / pageSize].rawValue)][position % pageSize]
        }
        for offset in 0...row.draftCount {
          let token = Self.next(after: history, span: span)
          last[row.slot] = token
          result.sampled.append(token)
          guard offset < row.draftCount, input[input.count - row.draftCount + offset] == token else { break }
          history.append(token.rawValue)
        }
      }
      rows.append(result)
    }
    serial += 1
    results.append(StepResult(rows: rows))
    return StepTicket(serial: serial)
  }

  mutating func collect(_ ticket: consuming StepTicket) throws(ExecutorError) -> StepResult { results.removeFirst() }
}
