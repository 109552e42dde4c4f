import MartletCore
import Testing

@testable import MartletEngine

@Suite struct PredictedOutputTests {
  private static func tokens(_ values: [Int32]) -> [TokenID] { values.map { TokenID($0) } }

  private static func drafts(_ prediction: [Int32], _ answer: [Int32], limit: Int = 3) -> [[Int32]] {
    let prompt: [Int32] = [90, 91]
    var predicted = PredictedOutput(tokens(prediction), start: prompt.count)
    return (0...answer.count).map { count in
      predicted.draft(after: tokens(prompt + answer.prefix(count)), limit: limit).map(\.rawValue)
    }
  }

  @Test func theBeginningIsProposedBeforeAnythingIsWritten() {
    #expect(Self.drafts([1, 2, 3, 4], [1, 2, 3, 4]) == [[1, 2, 3], [2, 3, 4], [3, 4], [4], []])
  }

  @Test func anEditIsLeftAndTheRestTakenUpAgain() {
    // 3 is replaced by 7: behind it, three tokens in a row show the place.
    let drafts = Self.drafts([1, 2, 3, 4, 5, 6, 8, 9], [1, 2, 7, 4, 5, 6, 8], limit: 2)
    #expect(drafts == [[1, 2], [2, 3], [3, 4], [], [], [], [8, 9], [9]])
  }

  @Test func theNextPlaceOfARepeatedRunCounts() {
    let block: [Int32] = [1, 2, 3]
    let drafts = Self.drafts(block + [10] + block + [11] + block + [12], block + [10, 77] + block, limit: 1)
    #expect(drafts.last == [11])
  }

  @Test func aShortOrForeignPredictionProposesNothingWrongTwice() {
    #expect(Self.drafts([1, 2], [5, 6, 7]) == [[1, 2], [], [], []])
    #expect(Self.drafts([], [5]) == [[], []])
  }

  @Test func aPredictionGoesBeforeTheSequenceItself() {
    let run: [Int32] = [5, 6, 7, 8, 9, 1, 2, 3]
    let history = Self.tokens(run + [4] + run)
    var lookup = PromptLookup(prediction: PredictedOutput(Self.tokens(run + [9]), start: 9))
    #expect(Array(lookup.draft(after: history, limit: 8, cost: 0.1)) == Self.tokens([9]))
    #expect(lookup.isPredicted)
    var plain = PromptLookup()
    #expect(Array(plain.draft(after: history, limit: 1, cost: 0.1)) == Self.tokens([4]))
    #expect(!plain.isPredicted)
  }
}
