import CMartletKernels

/// Recorded ops, with the memory and the sizes that they were recorded with. That memory must outlive it.
@safe package final class DeviceGraph {
  private let device: Device
  let graph: OpaquePointer

  init(device: Device, graph: OpaquePointer) {
    self.device = device
    unsafe self.graph = graph
  }

  deinit { unsafe device.functions.graph_destroy(device.stream, graph) }
}
