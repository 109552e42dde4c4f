import Foundation
import MartletCompute
import Testing

@testable import MartletModel

@Suite struct MemoryPlanTests {
  private static func plan(
    on table: KernelTable? = KernelTable(cpu: .best), dtype: CheckpointDType = .f32,
    _ change: (inout MemoryPlan.Options) -> Void
  ) throws -> MemoryPlan {
    let model = try TinyModel()
    defer { model.remove() }
    let checkpoint = try Checkpoint(dummyPath: model.folder.path, dtype: dtype)
    var options = MemoryPlan.Options()
    options.availableBytes = 256 << 20
    change(&options)
    let table = try #require(table)
    return try MemoryPlan(
      configuration: checkpoint.configuration, checkpoint: checkpoint, table: table, options: options)
  }

  @Test func staysWithinItsShareOfTheMemory() throws {
    for fraction in [0.3, 0.5, 0.9] {
      let plan = try Self.plan {
        $0.memoryFraction = fraction
        $0.maxTotalTokens = 100_000_000
      }
      #expect(plan.totalBytes <= Int(fraction * Double(256 << 20)))
      #expect(plan.pageCount > 0)
    }
  }

  @Test func aContextBeyondTheModelIsRefused() {
    #expect(throws: MemoryPlan.Failure.contextBeyondModel(wanted: 257, model: 256)) {
      try Self.plan { $0.contextLength = 257 }
    }
  }

  @Test func aContextThatThePoolCannotHoldIsRefused() {
    #expect(throws: MemoryPlan.Failure.contextDoesNotFit(tokens: 64, context: 200)) {
      try Self.plan {
        $0.contextLength = 200
        $0.maxTotalTokens = 64
      }
    }
  }

  @Test func weightsThatDoNotFitAreRefusedWithBothSizes() {
    let error = #expect(throws: MemoryPlan.Failure.self) { try Self.plan { $0.availableBytes = 1 << 20 } }
    guard case .weightsDoNotFit(let needed, let budget)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(needed > budget)
  }

  @Test func withoutAWishTheContextIsWhatFits() throws {
    let plan = try Self.plan { $0.maxTotalTokens = 64 }
    #expect(plan.contextLength == 64)
  }

  @Test func aCacheOfBytesHoldsTwiceTheTokens() throws {
    let table = try #require(QuantizingTable.table)
    let wide = try Self.plan(on: table) { $0.cacheType = .bf16 }
    let narrow = try Self.plan(on: table) { $0.cacheType = .f8E4M3 }
    #expect(2 * narrow.pageBytes == wide.pageBytes && narrow.pageBytes > 0)
    #expect(narrow.cacheType == .f8E4M3)
  }

  @Test func quantisedLayersTakeAByteAWeightAndAScaleARow() throws {
    let table = try #require(QuantizingTable.table)
    let plain = try Self.plan(on: table, dtype: .bf16) { _ in }
    let quantized = try Self.plan(on: table, dtype: .bf16) { $0.quantizes = .f8E4M3 }
    // TinyModel's layers: q and o [64, 64], k and v [32, 64], gate and up [96, 64], down [64, 96].
    let (weights, rows) = (2 * 64 * 64 + 2 * 32 * 64 + 3 * 96 * 64, 2 * 64 + 2 * 32 + 2 * 96 + 64)
    #expect(plain.weightBytes - quantized.weightBytes == 3 * (2 * weights - (weights + 4 * rows)))
    #expect(quantized.quantizes == .f8E4M3)
  }
}
