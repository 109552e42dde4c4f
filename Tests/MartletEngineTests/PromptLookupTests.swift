import MartletCore
import Testing

@testable import MartletEngine

@Suite struct PromptLookupTests {
  private static func tokens(_ values: [Int32]) -> [TokenID] { values.map { TokenID($0) } }

  @Test func proposesWhatFollowedTheSameTokensBefore() {
    var lookup = PromptLookup()
    let history = Self.tokens([1, 2, 3, 4, 5, 6, 9, 1, 2, 3])
    #expect(Array(lookup.draft(after: history, limit: 8, cost: 0.1)) == Self.tokens([4, 5]))
  }

  @Test func proposesNothingWhereNothingRepeats() {
    var lookup = PromptLookup()
    #expect(lookup.draft(after: Self.tokens([1, 2, 3, 4, 5]), limit: 8, cost: 0.1).isEmpty)
    #expect(lookup.draft(after: Self.tokens([1, 2]), limit: 8, cost: 0.1).isEmpty)
    #expect(lookup.draft(after: [], limit: 8, cost: 0.1).isEmpty)
  }

  @Test func theLatestPlaceCounts() {
    var lookup = PromptLookup()
    let history = Self.tokens([1, 2, 3, 7, 0, 1, 2, 3, 8, 0, 1, 2, 3])
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

  /// Guesses that are never right may cost one step in advance and two hundredths of the steps.
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
    #expect(lost <= 0.02 * Float(steps) + 2)
    #expect(lost > 0)
  }

  @Test func theCostOfAGuessGrowsWithTheRows() {
    let options = SpeculationOptions()
    let costs = [1, 2, 8, 64].map { options.cost(rows: $0) }
    #expect(costs == costs.sorted())
    #expect(abs(costs[0] - options.rowCost) < 1e-6)
    #expect(costs[3] < 1)
  }
}
