import CMartletKernels

/// The sequences of a step and their pages, as attention reads them.
@safe package struct SequenceTable {
  let entries: DeviceArray<mk_attention_sequence>
  let pages: DeviceArray<Int32>
  package private(set) var count = 0
  private var pageCount = 0

  /// Room for `sequences` sequences with `pages` page references in all.
  package init(on device: Device, sequences: Int, pages: Int) throws(KernelError) {
    entries = try device.allocate(mk_attention_sequence.self, count: sequences)
    self.pages = try device.allocate(Int32.self, count: pages)
  }

  package mutating func removeAll() {
    count = 0
    pageCount = 0
  }

  /// Whether another sequence with this many pages fits.
  package func hasRoom(pages: Int) -> Bool { count < entries.count && pageCount + pages <= self.pages.count }

  package mutating func append(rowStart: Int, rowCount: Int, length: Int, pages sequencePages: some Collection<Int32>) {
    unsafe entries.host[count] = mk_attention_sequence(
      row_start: UInt32(rowStart), row_count: UInt32(rowCount), kv_length: UInt32(length),
      page_offset: UInt32(pageCount))
    for page in sequencePages {
      unsafe pages.host[pageCount] = page
      pageCount += 1
    }
    count += 1
  }
}
