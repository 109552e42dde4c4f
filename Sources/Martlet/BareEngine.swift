import MartletCompute
package import MartletEngine
package import MartletModel

/// An engine with its model and without the text side, for measurements on token ids.
package struct BareEngine: Sendable {
  package let configuration: ModelConfiguration
  package let plan: MemoryPlan
  package let device: DeviceSelection
  package let engine: MartletEngine.Engine
  package let startup: StartupClock

  /// - Throws: `MartletError`.
  package init(path: String, options: EngineOptions) async throws {
    var clock = StartupClock()
    let checkpoint = try LoadedModel.open(path: path, options: options)
    clock.mark("checkpoint")
    device = try DeviceSelection(options)
    clock.mark("device")
    plan = try LoadedModel.memoryPlan(checkpoint, device: device, options: options)
    configuration = checkpoint.configuration
    engine = LoadedModel.start(checkpoint, device: device, plan: plan, options: options)
    try await LoadedModel.ready(engine)
    clock.mark("weights")
    startup = clock
  }
}
