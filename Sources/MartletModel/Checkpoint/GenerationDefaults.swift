import Foundation

/// What `generation_config.json` recommends. Absent values are nil.
package struct GenerationDefaults: Sendable, Equatable, Decodable {
  package var temperature: Double?
  package var topP: Double?
  package var topK: Int?
  package var minP: Double?
  package var repetitionPenalty: Double?
  package var endTokens: [Int32] = []

  package init() {}

  private enum Key: String, CodingKey {
    case temperature, topP = "top_p", topK = "top_k", minP = "min_p", repetitionPenalty = "repetition_penalty"
    case endTokens = "eos_token_id"
  }

  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    temperature = try values.decodeIfPresent(Double.self, forKey: .temperature)
    topP = try values.decodeIfPresent(Double.self, forKey: .topP)
    topK = try values.decodeIfPresent(Int.self, forKey: .topK).map { $0 == 0 ? -1 : $0 }
    minP = try values.decodeIfPresent(Double.self, forKey: .minP)
    repetitionPenalty = try values.decodeIfPresent(Double.self, forKey: .repetitionPenalty)
    if let list = try? values.decodeIfPresent([Int32].self, forKey: .endTokens) {
      endTokens = list
    } else if let single = try? values.decodeIfPresent(Int32.self, forKey: .endTokens) {
      endTokens = [single]
    }
  }
}
