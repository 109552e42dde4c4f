import Foundation
import Martlet
import Testing

/// `--kv-cache-dtype`: its names, and where it cannot be followed.
@Suite struct KVCacheOptionTests {
  @Test func namesAreThoseOfTheTypesAndTheShortOneOfFP8() throws {
    for type in EngineOptions.KVCacheType.allCases {
      #expect(try EngineOptions.KVCacheType(named: type.rawValue) == type)
    }
    #expect(try EngineOptions.KVCacheType(named: "fp8") == .fp8E4M3)
  }

  @Test func theOtherFP8IsRefusedWithTheOneToUse() {
    let error = #expect(throws: MartletError.self) { try EngineOptions.KVCacheType(named: "fp8_e5m2") }
    #expect(error?.description.contains("use fp8_e4m3") == true)
  }

  @Test func anUnknownNameIsRefusedWithTheKnownOnes() {
    let error = #expect(throws: MartletError.self) { try EngineOptions.KVCacheType(named: "int4") }
    #expect(error?.description.contains("float16, bfloat16, fp8_e4m3") == true)
  }

  @Test func aDeviceWithoutSuchACacheIsNamedWithTheRemedy() {
    let shape = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().appendingPathComponent("../../scripts/gpu/shapes/llama-3.2-1b").path
    var options = EngineOptions()
    options.loadFormat = .dummy
    options.kvCacheType = .fp8E4M3
    for device in ["cpu", "reference"] {
      options.device = device
      let error = #expect(throws: MartletError.self) { try LoadedModel.dryPlan(path: shape, options: options) }
      #expect(error?.kind == .machine)
      #expect(error?.description.contains("--kv-cache-dtype fp8_e4m3: cpu-") == true)
      #expect(error?.description.contains("--device cuda") == true)
    }
  }
}
