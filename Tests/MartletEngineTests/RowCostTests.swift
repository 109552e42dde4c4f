import Testing

@testable import MartletEngine

@Suite struct RowCostTests {
  /// Steps of `base + slope * rows` milliseconds.
  private static func measured(_ rows: [Int], base: Double, slope: Double, rounds: Int = 40) -> RowCost {
    var cost = RowCost(assumed: 0.3)
    for _ in 0..<rounds {
      for count in rows { cost.note(rows: count, seconds: 1e-3 * (base + slope * Double(count))) }
    }
    return cost
  }

  @Test(arguments: [(9.0, 1.0), (1.0, 1.0), (10.0, 0.2), (0.5, 9.5)]) func sizesTellTheCost(base: Double, slope: Double)
  {
    let cost = Self.measured([1, 3, 9, 1, 5], base: base, slope: slope)
    #expect(abs(Double(cost.share) - min(0.95, slope / (base + slope))) < 0.02)
  }

  @Test(arguments: [1, 2, 16]) func oneSizeSaysNothing(rows: Int) {
    let cost = Self.measured([rows], base: 9, slope: 1)
    #expect(abs(cost.share - 0.3) < 0.01)
  }

  @Test func itIsAssumedBeforeTheFirstStep() { #expect(RowCost(assumed: 0.4).share == 0.4) }

  @Test func disturbedStepsAreIgnored() {
    var cost = Self.measured([1, 3, 9], base: 9, slope: 1)
    let before = cost.share
    for _ in 0..<10 { cost.note(rows: 1, seconds: 1) }
    #expect(abs(cost.share - before) < 0.02)
  }

  @Test func aMachineThatStaysSlowIsBelieved() {
    var cost = Self.measured([1, 3, 9], base: 9, slope: 1)
    for _ in 0..<400 {
      for count in [1, 3, 9] { cost.note(rows: count, seconds: 1e-3 * (60 + 40 * Double(count))) }
    }
    #expect(abs(cost.share - 0.4) < 0.03)
  }

  @Test func changedConditionsAreFollowed() {
    var cost = Self.measured([1, 3, 9], base: 9, slope: 1)
    for _ in 0..<200 {
      for count in [1, 3, 9] { cost.note(rows: count, seconds: 1e-3 * (6 + 4 * Double(count))) }
    }
    #expect(abs(cost.share - 0.4) < 0.03)
  }
}
