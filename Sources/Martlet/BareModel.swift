import MartletCompute
package import MartletModel

/// A model without an engine around it, for measurements: steps are planned by the caller.
package struct BareModel {
  package let configuration: ModelConfiguration
  package let plan: MemoryPlan
  package let kernels: String
  package var executor: ModelExecutor

  /// - Parameter isProfiled: ops are timed one by one; `ProfiledTable` has the times.
  /// - Throws: `MartletError`.
  package init(path: String, options: EngineOptions, isProfiled: Bool = false) throws {
    let checkpoint = try LoadedModel.open(path: path, options: options)
    let selection = try DeviceSelection(options)
    plan = try LoadedModel.memoryPlan(checkpoint, device: selection, options: options)
    configuration = checkpoint.configuration
    kernels = selection.table.name
    var device = DeviceOptions()
    device.threads = options.threads ?? 0
    let table = isProfiled ? ProfiledTable.wrap(selection.table) : selection.table
    do {
      executor = try ModelExecutor(
        device: try Device(table: table, options: device), checkpoint: checkpoint, plan: plan)
    } catch { throw MartletError(.model, "\(error)") }
  }
}
