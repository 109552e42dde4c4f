import Martlet
import Testing

@Suite struct DeviceSelectionTests {
  private static func select(_ device: String, library: String? = nil) throws -> DeviceSelection {
    var options = EngineOptions()
    options.device = device
    options.backendLibrary = library
    return try DeviceSelection(options)
  }

  @Test func theCPUNeedsNoLibrary() throws {
    let device = try Self.select("cpu")
    #expect(!device.isGPU)
    #expect(device.note == nil)
    #expect(device.availableBytes > 0)
  }

  @Test func autoFallsBackToTheCPUAndSaysWhyAGivenLibraryIsNotUsed() throws {
    let device = try Self.select("auto", library: "/nowhere/libmartlet_cuda.so")
    #expect(!device.isGPU)
    #expect(device.note?.contains("/nowhere/libmartlet_cuda.so") == true)
  }

  @Test func aMissingGPUNamesTheRemedy() {
    let error = #expect(throws: MartletError.self) { try Self.select("cuda", library: "/nowhere/x.so") }
    #expect(error?.kind == .machine)
    #expect(error?.description.contains("--cuda-library /nowhere/x.so") == true)
  }

  @Test func unknownDevicesAreRefusedWithTheKnownOnes() {
    let error = #expect(throws: MartletError.self) { try Self.select("tpu") }
    #expect(error?.kind == .machine)
    #expect(error?.description.contains("auto, cpu, cuda") == true)
  }
}
