import MartletCore
import Testing

@Suite struct SamplingParametersTests {
  private func refusal(_ change: (inout SamplingParameters.Fields) -> Void) -> InvalidField? {
    var fields = SamplingParameters.Fields()
    change(&fields)
    do {
      _ = try SamplingParameters(fields)
      return nil
    } catch { return error }
  }

  @Test func refusesValuesOutsideTheirRangesAndNamesTheField() {
    #expect(refusal { $0.temperature = -0.1 }?.field == "temperature")
    #expect(refusal { $0.temperature = .nan }?.field == "temperature")
    #expect(refusal { $0.topP = 0 }?.field == "top_p")
    #expect(refusal { $0.topP = 1.01 }?.field == "top_p")
    #expect(refusal { $0.topK = 0 }?.field == "top_k")
    #expect(refusal { $0.topK = Int.max }?.field == "top_k")
    #expect(refusal { $0.minP = .infinity }?.field == "min_p")
    #expect(refusal { $0.frequencyPenalty = 2.5 }?.field == "frequency_penalty")
    #expect(refusal { $0.repetitionPenalty = 0 }?.field == "repetition_penalty")
    #expect(refusal { $0.temperature = 0.5 } == nil)
  }

  @Test func aTinyTemperatureIsGreedy() throws {
    var fields = SamplingParameters.Fields()
    fields.temperature = 1e-7
    #expect(try SamplingParameters(fields).isGreedy)
  }

  @Test func minimumTokensMustFitTheMaximum() {
    #expect(throws: InvalidField.self) { try StopCriteria(maxTokens: 3, minTokens: 4) }
    #expect(throws: InvalidField.self) { try StopCriteria(maxTokens: -1) }
  }
}
