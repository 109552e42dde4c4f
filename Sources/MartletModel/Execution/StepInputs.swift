import MartletCompute

/// What the host tells the device about one step: carved from the staging block in a fixed order.
struct StepInputs {
  /// Sizes of a step. Equal sizes (but for `pages`) give equal addresses.
  struct Size {
    var rows = 0
    var sequences = 0
    /// Page references of all sequences.
    var pages = 0
    /// Rows whose logits are wanted; the drawn ones come first.
    var logitRows = 0
    var draws = 0
  }

  /// [rows]; ~slot stands for the last token that the slot drew.
  let ids: StagingBlock.Section<Int32>
  let positions: StagingBlock.Section<Int32>
  /// Cache slot of each row: page * page size + offset.
  let cacheSlots: StagingBlock.Section<Int32>
  let logitRows: StagingBlock.Section<Int32>
  /// [draws]: the slot that takes the drawn token; negative: none.
  let drawSlots: StagingBlock.Section<Int32>
  var sampleRows: SampleRows
  var sequences: SequenceTable

  init(in block: StagingBlock, _ size: Size) throws(KernelError) {
    block.removeAll()
    ids = try block.section(Int32.self, count: size.rows)
    positions = try block.section(Int32.self, count: size.rows)
    cacheSlots = try block.section(Int32.self, count: size.rows)
    logitRows = try block.section(Int32.self, count: size.logitRows)
    drawSlots = try block.section(Int32.self, count: size.draws)
    sampleRows = try SampleRows(in: block, count: size.draws)
    sequences = try SequenceTable(in: block, sequences: size.sequences, pages: size.pages)
  }

  /// Bytes of the block for steps of up to this size.
  static func bytes(_ size: Size) -> Int {
    StagingBlock.bytes(
      [4 * size.rows, 4 * size.rows, 4 * size.rows, 4 * size.logitRows, 4 * size.draws]
        + [SampleRows.stagedBytes * size.draws]
        + SequenceTable.sectionBytes(sequences: size.sequences, pages: size.pages))
  }
}
