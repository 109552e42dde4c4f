import MartletCompute
import Testing

/// What the device adds to its kernels.
@Suite struct DeviceTests {
  private static func device(threads: Int) throws -> Device {
    var options = DeviceOptions()
    options.threads = threads
    return try Device(table: try #require(KernelTable(cpu: .reference)), options: options)
  }

  @Test(arguments: [1, 2, 4], [0, 1, 2, 500]) func mappedItemsKeepTheirOrder(threads: Int, count: Int) throws {
    let device = try Self.device(threads: threads)
    for _ in 0..<20 {
      let squares = device.map(Array(0..<count)) { [$0 * $0] }
      #expect(squares == (0..<count).map { [$0 * $0] })
    }
  }

  /// Lists of different lengths, some empty, beside a row that has none.
  @Test func rowsAreAdjustedEachByItsOwnLists() throws {
    let device = try Self.device(threads: 2)
    let logits = try device.array([Float](repeating: 1, count: 4 * 5))
    var bias = LogitAdjustment(), masked = LogitAdjustment(), penalised = LogitAdjustment()
    bias.biasTokens = [1, 3]
    bias.biasValues = [2, 4]
    bias.suppressed = [0]
    masked.allowed = [0b10110]
    penalised.history = [.init(token: 4, generatedCount: 2)]
    penalised.frequency = 0.25
    penalised.suppressed = [2]
    penalised.allowed = [0b11110]
    try device.adjust(logits, vocabulary: 5, [bias, nil, masked, penalised])
    let none = -Float.infinity
    #expect(
      try device.download(logits, count: 20) == [
        none, 3, 1, 5, 1, 1, 1, 1, 1, 1, none, 1, 1, none, 1, none, 1, none, 1, 0.5,
      ])
    try device.adjust(logits, vocabulary: 5, [nil, nil])
    #expect(throws: KernelError.self) { try device.adjust(logits, vocabulary: 2, [bias]) }
  }
}
