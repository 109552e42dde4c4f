import CMartletKernels

/// The sequences of a step and their pages, as attention reads them.
@safe package struct SequenceTable {
  private let entries: StagingBlock.Section<mk_attention_sequence>
  private let pages: StagingBlock.Section<Int32>
  package private(set) var count = 0
  private var pageCount = 0
  /// The most rows of a sequence.
  package private(set) var maxRowCount = 1

  var entryArray: DeviceArray<mk_attention_sequence> { entries.device }
  var pageArray: DeviceArray<Int32> { pages.device }

  /// Bytes of each of the sections that a table takes from a block.
  package static func sectionBytes(sequences: Int, pages: Int) -> [Int] {
    [sequences * MemoryLayout<mk_attention_sequence>.stride, pages * MemoryLayout<Int32>.stride]
  }

  /// Room for `sequences` sequences with `pages` page references in all. Take it last: only its page references are of
  /// a length that differs from step to step.
  package init(in block: StagingBlock, sequences: Int, pages: Int) throws(KernelError) {
    entries = try block.section(mk_attention_sequence.self, count: sequences)
    self.pages = try block.section(Int32.self, count: pages)
  }

  /// Adds a sequence; its pages are those that `page(0..<pageCount)` names.
  package mutating func append(
    rowStart: Int, rowCount: Int, length: Int, pageCount newPages: Int, page: (Int) -> Int32
  ) throws(KernelError) {
    guard count < entries.count, pageCount + newPages <= pages.count else {
      throw KernelError(status: 1, operation: "step larger than its plan")
    }
    entries[count] = mk_attention_sequence(
      row_start: UInt32(rowStart), row_count: UInt32(rowCount), kv_length: UInt32(length),
      page_offset: UInt32(pageCount))
    for index in 0..<newPages { pages[pageCount + index] = page(index) }
    pageCount += newPages
    count += 1
    maxRowCount = max(maxRowCount, rowCount)
  }
}
