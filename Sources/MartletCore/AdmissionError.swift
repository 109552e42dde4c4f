/// Why a request was not admitted.
package enum AdmissionError: Error, Equatable, Sendable {
  case emptyPrompt
  /// The prompt alone, or prompt plus `maxTokens`, does not fit. `limit` is the context length.
  case promptTooLong(tokens: Int, limit: Int)
  /// A token id outside the vocabulary.
  case unknownToken(Int32, vocabularySize: Int)
  /// More requests at once than the engine can ever hold.
  case tooMany(requests: Int, limit: Int)
  case queueFull(limit: Int)
  case shuttingDown
}
