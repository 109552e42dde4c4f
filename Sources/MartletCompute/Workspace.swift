import CMartletKernels

/// Scratch sizes that a device's ops ask for, in bytes.
package enum Workspace {
  package static func linear(_ table: KernelTable, rows: Int, columns: Int, outputs: Int) -> Int {
    unsafe table.pointer.pointee.linear_workspace_bytes(UInt32(rows), UInt32(columns), UInt32(outputs))
  }

  package static func attention(_ table: KernelTable, rows: Int, heads: Int, headDimension: Int) -> Int {
    unsafe table.pointer.pointee.attention_workspace_bytes(UInt32(rows), UInt32(heads), UInt32(headDimension))
  }

  package static func sample(_ table: KernelTable, rows: Int, vocabulary: Int) -> Int {
    unsafe table.pointer.pointee.sample_workspace_bytes(UInt32(rows), UInt32(vocabulary))
  }
}
