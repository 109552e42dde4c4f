import MartletCore
import MartletEngine
import MartletModel
import MartletText

/// A model in this process: batches, streams and conversations without a server.
///
/// ```swift
/// let engine = try await Engine(modelPath: "model.gguf")
/// let answers = try await engine.generate(["The capital of France is"])
/// await engine.shutdown()
/// ```
public final class Engine: Sendable {
  package let model: LoadedModel
  private let grammars: GrammarCache

  /// Loads a GGUF file or a Hugging Face folder.
  /// - Throws: `MartletError`, which names the file, the field and the remedy.
  public convenience init(modelPath: String, options: EngineOptions = EngineOptions()) async throws {
    self.init(try await LoadedModel.load(path: modelPath, options: options))
  }

  package init(_ model: LoadedModel) {
    self.model = model
    grammars = GrammarCache(tokenizer: model.tokenizer)
  }

  public var tokenizer: ModelTokenizer { ModelTokenizer(model.tokenizer) }
  /// Longest prompt plus output, in tokens.
  public var contextLength: Int { model.engine.limits.contextLength }

  /// Prompts of a batch that are in the engine at once.
  var concurrentPrompts: Int { 2 * model.engine.limits.maxRunningRequests }

  /// Ends running generations and gives the memory back.
  public func shutdown() async { await model.engine.shutdown(drain: false) }

  func makeRun(_ prompt: Prompt, sampling: Sampling) throws(MartletError) -> GenerationRun {
    do {
      let tokens = try self.tokens(of: prompt)
      let constraint = try sampling.form.map { form in
        GrammarConstraint(
          grammar: try grammars.grammar(form.source(whitespace: sampling.jsonWhitespace), namespace: .shared),
          endTokens: model.tokenizer.endTokens)
      }
      // A constrained text must be able to end.
      let end = sampling.ignoreEndOfSequence && constraint == nil ? [] : model.tokenizer.endTokens
      let stop = try StopCriteria(
        maxTokens: sampling.maxTokens, minTokens: sampling.minTokens,
        stopTokens: Set(end + sampling.stopTokens.map { TokenID($0) }))
      let request = GenerationRequest(
        prompt: tokens, sampling: try parameters(sampling), stop: stop, constraint: constraint)
      var options = ResponseAssembler.Options()
      options.stopStrings = sampling.stop
      return GenerationRun(
        stream: try model.engine.generate(request), promptTokens: tokens.count,
        assembler: ResponseAssembler(tokenizer: model.tokenizer, stopTokens: stop.stopTokens, options: options))
    } catch let error as MartletError { throw error } catch let error as InvalidField {
      throw MartletError(.request, "\(error.field) \(error.reason)")
    } catch let error as GrammarError {
      throw MartletError(.request, "the output's form cannot be enforced: \(error.message)")
    } catch let error as AdmissionError {
      throw Self.error(error)
    } catch { throw MartletError(.request, "\(error)") }
  }

  static func error(_ error: AdmissionError) -> MartletError {
    switch error {
    case .emptyPrompt: MartletError(.request, "the prompt is empty")
    case .promptTooLong(let tokens, let limit):
      MartletError(.request, "the request needs \(tokens) tokens, but the context holds \(limit)")
    case .unknownToken(let token, let size):
      MartletError(.request, "token \(token) is outside the vocabulary of \(size)")
    case .tooMany(let requests, let limit):
      MartletError(.request, "\(requests) requests at once are more than the \(limit) that the engine holds")
    case .queueFull(let limit): MartletError(.request, "the queue is full: \(limit) requests wait")
    case .shuttingDown: MartletError(.shutDown, "the engine was shut down")
    }
  }

  private func parameters(_ sampling: Sampling) throws(InvalidField) -> SamplingParameters {
    var fields = SamplingParameters.Fields()
    fields.temperature = sampling.temperature ?? model.defaults.temperature ?? 1
    fields.topP = sampling.topP ?? model.defaults.topP ?? 1
    fields.topK = sampling.topK ?? model.defaults.topK ?? -1
    fields.minP = sampling.minP ?? model.defaults.minP ?? 0
    fields.frequencyPenalty = sampling.frequencyPenalty
    fields.presencePenalty = sampling.presencePenalty
    fields.repetitionPenalty = sampling.repetitionPenalty ?? model.defaults.repetitionPenalty ?? 1
    fields.bias = sampling.logitBias.sorted { $0.key < $1.key }
      .map { SamplingParameters.Bias(token: TokenID($0.key), value: Float($0.value)) }
    fields.seed = sampling.seed ?? UInt64.random(in: .min ... .max)
    return try SamplingParameters(fields)
  }

  func tokens(of prompt: Prompt) throws -> [TokenID] {
    switch prompt {
    case .text(let text): return model.tokenizer.encode(text, addSpecialTokens: true)
    case .tokens(let ids): return ids.map { TokenID($0) }
    case .chat(let messages):
      let conversation = PromptBuilder.Conversation(
        messages: messages.map { ["role": .string($0.role.rawValue), "content": .string($0.content)] })
      do {
        return try PromptBuilder(tokenizer: model.tokenizer, template: model.template).tokens(of: conversation)
      } catch {
        switch error {
        case .noTemplate: throw MartletError(.model, "the model has no chat template; use plain text prompts")
        case .invalid(let field): throw MartletError(.request, "\(field.field) \(field.reason)")
        case .template(let error): throw MartletError(.request, "the chat template: \(error.message)")
        }
      }
    }
  }
}
