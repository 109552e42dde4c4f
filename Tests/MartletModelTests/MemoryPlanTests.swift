import Foundation
import MartletCompute
import Testing

@testable import MartletModel

@Suite struct MemoryPlanTests {
  private static func plan(_ change: (inout MemoryPlan.Options) -> Void) throws -> MemoryPlan {
    let model = try TinyModel()
    defer { model.remove() }
    let checkpoint = try Checkpoint(dummyPath: model.folder.path, dtype: .f32)
    var options = MemoryPlan.Options()
    options.availableBytes = 256 << 20
    change(&options)
    let table = try #require(KernelTable(cpu: .best))
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
}
