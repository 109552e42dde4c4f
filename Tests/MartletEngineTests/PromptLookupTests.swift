import MartletCore
import Testing

@testable import MartletEngine

@Suite struct PromptLookupTests {
  private static func tokens(_ values: [Int32]) -> [TokenID] { values.map { TokenID($0) } }

  @Test func proposesWhatFollowedTheSameTokensBefore() {
    var lookup = PromptLookup()
    let history = Self.tokens([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 1, 2, 3, 4, 5, 6, 7, 8])
    #expect(Array(lookup.draft(after: history, limit: 8, cost: 0.1)) == Self.tokens([9, 10]))
  }

  @Test func shortRepeatsAreTriedOnlyAfterWins() {
    var lookup = PromptLookup()
    let short = Self.tokens([1, 2, 3, 4, 5, 6, 9, 1, 2, 3])
    #expect(lookup.draft(after: short, limit: 8, cost: 0.1).isEmpty)
    lookup.settle(drafted: 2, accepted: 2, cost: 0.1)
    #expect(Array(lookup.draft(after: short, limit: 2, cost: 0.1)) == Self.tokens([4, 5]))
    lookup.settle(drafted: 3, accepted: 0, cost: 0.9)
    #expect(lookup.draft(after: short, limit: 8, cost: 0.1).isEmpty)
  }

  @Test func proposesNothingWhereNothingRepeats() {
    var lookup = PromptLookup()
    #expect(lookup.draft(after: Self.tokens([1, 2, 3, 4, 5]), limit: 8, cost: 0.1).isEmpty)
    #expect(lookup.draft(after: Self.tokens([1, 2]), limit: 8, cost: 0.1).isEmpty)
    #expect(lookup.draft(after: [], limit: 8, cost: 0.1).isEmpty)
  }

  @Test func theLatestPlaceCounts() {
    var lookup = PromptLookup()
    let run: [Int32] = [11, 12, 13, 14, 15, 1, 2, 3]
    let history = Self.tokens(run + [7, 0] + run + [8, 0] + run)
    #expect(lookup.draft(after: history, limit: 8, cost: 0.1).first == TokenID(8))
  }

  @Test func proposalsGrowWhileTheyAreRight() {
    var lookup = PromptLookup()
    let history = Self.tokens((0..<40).map { $0 % 20 })
    var sizes: [Int] = []
    for _ in 0..<4 {
      let draft = lookup.draft(after: history, limit: 16, cost: 0.1)
      sizes.append(draft.count)
      lookup.settle(drafted: draft.count, accepted: draft.count, cost: 0.1)
    }
    #expect(sizes == [2, 4, 8, 16])
  }

  /// Guesses that are never right may cost one step in advance and a hundredth of the steps.
  @Test(arguments: [Float(0.1), 0.3, 0.9]) func guessesThatNeverPayCostLittle(cost: Float) {
    var lookup = PromptLookup()
    let history = Self.tokens((0..<40).map { $0 % 20 })
    var lost: Float = 0
    let steps = 2_000
    for _ in 0..<steps {
      let draft = lookup.draft(after: history, limit: 8, cost: cost)
      lost += cost * Float(draft.count)
      lookup.settle(drafted: draft.count, accepted: 0, cost: cost)
    }
    #expect(lost <= 0.01 * Float(steps) + 2)
    #expect(lost > 0)
  }

  @Test func theCostOfAGuessGrowsWithTheRows() {
    let options = SpeculationOptions()
    let speculation = Speculation(options: options)
    let costs = [1, 2, 8, 64].map { speculation.cost(rows: $0) }
    #expect(costs == costs.sorted())
    #expect(abs(costs[0] - options.rowCost) < 1e-6)
    #expect(costs[3] < 1)
  }
}
