import CMartletKernels

/// How the rows of one draw are drawn, in the step's staging block.
@safe package struct SampleRows {
  private let rows: StagingBlock.Section<mk_sample_row>
  private var count = 0

  /// Bytes of one row in a staging block.
  package static let stagedBytes = MemoryLayout<mk_sample_row>.stride

  /// Room for `count` rows.
  package init(in block: StagingBlock, count: Int) throws(KernelError) {
    rows = try block.section(mk_sample_row.self, count: count)
  }

  /// Adds a row; the caller stays within the room.
  package mutating func append(_ row: SampleRow) {
    rows[count] = mk_sample_row(
      temperature: row.temperature, top_p: row.topP, min_p: row.minP, top_k: UInt32(clamping: row.topK),
      seed: row.seed, position: row.position)
    count += 1
  }

  /// The rows from `start` on, where the device reads them.
  func suffix(from start: Int) -> DeviceArray<mk_sample_row> { rows.device.suffix(from: start) }
}
