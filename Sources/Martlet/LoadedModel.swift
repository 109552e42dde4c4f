import Foundation
import MartletCompute
import MartletCore
package import MartletEngine
package import MartletModel
package import MartletText

/// A model that runs: its engine, and what the text side needs. The place where the rooms are put together.
package struct LoadedModel: Sendable {
  package let path: String
  package let engine: MartletEngine.Engine
  package let tokenizer: Tokenizer
  package let template: ChatTemplate?
  package let configuration: ModelConfiguration
  package let defaults: GenerationDefaults
  package let plan: MemoryPlan
  package let kernels: String
  package let startup: StartupClock

  /// - Throws: `MartletError`.
  package static func load(path: String, options: EngineOptions) async throws -> LoadedModel {
    var clock = StartupClock()
    let checkpoint = try open(path: path, options: options)
    clock.mark("checkpoint")
    let table = try kernelTable(options)
    let plan = try memoryPlan(checkpoint, table: table, options: options)
    clock.mark("plan")
    // The text side and the weights are independent: the tokenizer is built while the engine thread packs the weights.
    async let text = readText(checkpoint, options: options)
    let threads = options.threads ?? 0
    let engine = MartletEngine.Engine(options: engineOptions(plan, checkpoint, options)) {
      var device = DeviceOptions()
      device.threads = threads
      return try ModelExecutor(device: try Device(table: table, options: device), checkpoint: checkpoint, plan: plan)
    }
    let (tokenizer, template) = try await text
    clock.mark("tokenizer and template")
    do { try await engine.ready() } catch {
      throw MartletError(.model, error.underlying.map { "\($0)" } ?? "the engine was stopped while it started")
    }
    clock.mark("weights")
    return LoadedModel(
      path: path, engine: engine, tokenizer: tokenizer, template: template, configuration: checkpoint.configuration,
      defaults: checkpoint.generationDefaults, plan: plan, kernels: table.name, startup: clock)
  }

  /// The memory plan of a model on this machine, without loading it.
  package static func dryPlan(path: String, options: EngineOptions) throws -> (ModelConfiguration, MemoryPlan) {
    let checkpoint = try open(path: path, options: options)
    return (
      checkpoint.configuration, try memoryPlan(checkpoint, table: try kernelTable(options), options: options)
    )
  }

  static func open(path: String, options: EngineOptions) throws -> Checkpoint {
    do {
      if options.loadFormat == .dummy { return try Checkpoint(dummyPath: path, dtype: dummyType(options.weightType)) }
      guard [.auto, .float32].contains(options.weightType) else {
        throw MartletError(
          .model,
          "--dtype \(options.weightType.rawValue): a checkpoint's weights stay as stored (auto) or become float32; other types are for dummy weights"
        )
      }
      return try Checkpoint(path: path)
    } catch let error as MartletError { throw error } catch { throw MartletError(.model, "\(error)") }
  }

  private static func dummyType(_ type: EngineOptions.WeightType) -> CheckpointDType {
    switch type {
    case .auto, .bfloat16: .bf16
    case .float32: .f32
    case .float16: .f16
    case .q4_0: .q4_0
    case .q4_1: .q4_1
    case .q5_0: .q5_0
    case .q5_1: .q5_1
    case .q8_0: .q8_0
    case .q2K: .q2K
    case .q3K: .q3K
    case .q4K: .q4K
    case .q5K: .q5K
    case .q6K: .q6K
    }
  }

  static func kernelTable(_ options: EngineOptions) throws -> KernelTable {
    if let variant = KernelTable.Variant(rawValue: options.device == "cpu" ? "auto" : options.device) {
      guard let table = KernelTable(cpu: variant) else {
        throw MartletError(.machine, "--device \(options.device): this processor cannot run these kernels; use auto")
      }
      return table
    }
    guard options.device.contains("/") else {
      let names = KernelTable.Variant.allCases.map(\.rawValue).joined(separator: ", ")
      throw MartletError(.machine, "--device \(options.device): is not known; use \(names) or a library's path")
    }
    do { return try KernelTable(library: options.device) } catch { throw MartletError(.machine, "\(error)") }
  }

  static func memoryPlan(
    _ checkpoint: Checkpoint, table: KernelTable, options: EngineOptions
  ) throws -> MemoryPlan {
    var wishes = MemoryPlan.Options()
    wishes.availableBytes = HostMemory.availableBytes
    wishes.memoryFraction = options.memoryFraction
    wishes.contextLength = options.contextLength
    wishes.maxTotalTokens = options.maxTotalTokens
    wishes.maxRunningRequests = options.maxRunningRequests
    wishes.maxBatchedTokens = max(options.chunkedPrefillSize, options.maxRunningRequests ?? 64)
    wishes.pageSize = options.pageSize
    wishes.dequantizes = options.weightType == .float32
    switch options.kvCacheType {
    case .auto, .float16: wishes.cacheType = .f16
    case .float32: wishes.cacheType = .f32
    case .bfloat16: wishes.cacheType = .bf16
    }
    do {
      return try MemoryPlan(
        configuration: checkpoint.configuration, checkpoint: checkpoint, table: table, options: wishes)
    } catch { throw MartletError(.machine, error.description) }
  }

  private static func engineOptions(
    _ plan: MemoryPlan, _ checkpoint: Checkpoint, _ options: EngineOptions
  ) -> MartletEngine.EngineOptions {
    var engine = MartletEngine.EngineOptions(
      pageCount: plan.pageCount, contextLength: plan.contextLength,
      vocabularySize: checkpoint.configuration.vocabularySize)
    engine.pageSize = plan.pageSize
    engine.maxRunningRequests = plan.maxRunningRequests
    engine.maxBatchedTokens = plan.maxBatchedTokens
    engine.maxQueuedRequests = options.maxQueuedRequests
    engine.enablePrefixCache = options.prefixCache
    engine.policy =
      switch options.schedulePolicy {
      case .longestPrefixMatch: .longestPrefixMatch
      case .firstComeFirstServed: .firstComeFirstServed
      case .longestOutputFirst: .longestOutputFirst
      case .random: .random
      }
    return engine
  }

  @concurrent
  private static func readText(
    _ checkpoint: Checkpoint, options: EngineOptions
  ) async throws -> (Tokenizer, ChatTemplate?) {
    let files = try options.tokenizerPath.map { try TokenizerFiles(path: $0) } ?? TokenizerFiles(checkpoint: checkpoint)
    let tokenizer = try files.tokenizer()
    guard tokenizer.vocabularySize <= checkpoint.configuration.vocabularySize else {
      throw MartletError(
        .model,
        "\(checkpoint.path): the tokenizer has \(tokenizer.vocabularySize) tokens, the model only \(checkpoint.configuration.vocabularySize); give --tokenizer-path the model's own"
      )
    }
    var source = try files.template()
    if let path = options.chatTemplatePath {
      guard let data = FileManager.default.contents(atPath: path) else {
        throw MartletError(.model, "\(path): the chat template cannot be read")
      }
      source = String(decoding: data, as: UTF8.self)
    }
    guard let source else { return (tokenizer, nil) }
    do { return (tokenizer, try ChatTemplate(source: source)) } catch {
      throw MartletError(
        .model,
        "the chat template is faulty at line \(error.line), column \(error.column): \(error.message); give --chat-template another one"
      )
    }
  }
}
