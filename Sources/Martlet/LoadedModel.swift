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
  package let weights: CheckpointWeights
  package let defaults: GenerationDefaults
  package let plan: MemoryPlan
  package let device: DeviceSelection
  package let startup: StartupClock

  /// The kernels' name.
  package var kernels: String { device.table.name }

  /// - Throws: `MartletError`.
  package static func load(path: String, options: EngineOptions) async throws -> LoadedModel {
    var clock = StartupClock()
    let checkpoint = try open(path: path, options: options)
    clock.mark("checkpoint")
    let device = try DeviceSelection(options)
    clock.mark("device")
    let plan = try memoryPlan(checkpoint, device: device, options: options)
    clock.mark("plan")
    // The text side and the weights are independent: the tokenizer is built while the engine thread packs the weights.
    async let text = readText(checkpoint, options: options)
    let engine = start(checkpoint, device: device, plan: plan, options: options)
    let (tokenizer, template) = try await text
    clock.mark("tokenizer and template")
    try await ready(engine)
    clock.mark("weights")
    return LoadedModel(
      path: path, engine: engine, tokenizer: tokenizer, template: template, configuration: checkpoint.configuration,
      weights: checkpoint.weights, defaults: checkpoint.generationDefaults, plan: plan, device: device, startup: clock)
  }

  /// The memory plan of a model on this machine, without loading it.
  package static func dryPlan(
    path: String, options: EngineOptions
  ) throws -> (ModelConfiguration, MemoryPlan, DeviceSelection) {
    let checkpoint = try open(path: path, options: options)
    let device = try DeviceSelection(options)
    return (checkpoint.configuration, try memoryPlan(checkpoint, device: device, options: options), device)
  }

  /// An engine whose thread loads the weights.
  static func start(
    _ checkpoint: Checkpoint, device: DeviceSelection, plan: MemoryPlan, options: EngineOptions
  ) -> MartletEngine.Engine {
    var settings = DeviceOptions()
    settings.threads = options.threads ?? 0
    settings.isDeterministic = options.deterministic
    let deviceOptions = settings
    return MartletEngine.Engine(options: engineOptions(plan, checkpoint, device, options)) {
      try ModelExecutor(
        device: try Device(table: device.table, options: deviceOptions), checkpoint: checkpoint, plan: plan)
    }
  }

  /// Waits until an engine serves.
  /// - Throws: `MartletError`.
  static func ready(_ engine: MartletEngine.Engine) async throws {
    do { try await engine.ready() } catch {
      switch error.underlying {
      case let error as KernelError: throw MartletError(.machine, "\(error)")
      case ModelError.kernel(let error)?: throw MartletError(.machine, "loading the weights: \(error)")
      case .some(let error): throw MartletError(.model, "\(error)")
      case nil: throw MartletError(.model, "the engine was stopped while it started")
      }
    }
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

  static func memoryPlan(
    _ checkpoint: Checkpoint, device: DeviceSelection, options: EngineOptions
  ) throws -> MemoryPlan {
    var wishes = MemoryPlan.Options()
    wishes.availableBytes = device.availableBytes
    wishes.memoryFraction = options.memoryFraction ?? (device.isGPU ? 0.9 : 0.8)
    if device.isGPU { wishes.cacheLimit = nil }
    let running = options.maxRunningRequests ?? (device.isGPU ? 256 : 64)
    let chunk = device.isGPU ? (device.totalBytes < 60 << 30 ? 2048 : 8192) : 512
    wishes.contextLength = options.contextLength
    wishes.maxTotalTokens = options.maxTotalTokens
    wishes.maxRunningRequests = running
    wishes.maxBatchedTokens = max(options.chunkedPrefillSize ?? chunk, running)
    wishes.pageSize = options.pageSize
    wishes.dequantizes = options.weightType == .float32
    wishes.quantizes = try quantization(checkpoint, device: device, options: options)
    wishes.cacheType = try cacheType(device: device, options: options)
    do {
      return try MemoryPlan(
        configuration: checkpoint.configuration, checkpoint: checkpoint, table: device.table, options: wishes)
    } catch { throw MartletError(.machine, error.description) }
  }

  /// What keys and values are kept as; refused where the device has no such cache.
  private static func cacheType(device: DeviceSelection, options: EngineOptions) throws -> DType {
    let type: DType =
      switch options.kvCacheType {
      case .auto: device.isGPU ? .bf16 : .f16
      case .float16: .f16
      case .float32: .f32
      case .bfloat16: .bf16
      case .fp8E4M3: .f8E4M3
      }
    guard KVLayer.isKept(type, on: device.table) else {
      throw MartletError(
        .machine,
        "--kv-cache-dtype \(options.kvCacheType.rawValue): \(device.table.name) keeps no such keys and values; use --device cuda, or choose auto"
      )
    }
    return type
  }

  /// What the weights are to be quantised to; refused where the checkpoint, another option or the device forbids it.
  private static func quantization(
    _ checkpoint: Checkpoint, device: DeviceSelection, options: EngineOptions
  ) throws -> DType? {
    guard let quantization = options.quantization else { return nil }
    let flag = "--quantization \(quantization.rawValue)"
    guard options.weightType != .float32 else {
      throw MartletError(.model, "\(flag) and --dtype float32 exclude each other; leave one of them out")
    }
    if let type = checkpoint.quantizedType {
      throw MartletError(
        .model,
        "\(flag): \(checkpoint.path) is quantised already (\(type)); leave the flag out, or give a checkpoint in F32, F16 or BF16"
      )
    }
    guard device.table.quantizesWeights else {
      throw MartletError(
        .machine,
        "\(flag): \(device.table.name) has no products with such weights; use --device cuda, or leave the flag out and give a quantised GGUF file"
      )
    }
    return .f8E4M3
  }

  private static func engineOptions(
    _ plan: MemoryPlan, _ checkpoint: Checkpoint, _ device: DeviceSelection, _ options: EngineOptions
  ) -> MartletEngine.EngineOptions {
    var engine = MartletEngine.EngineOptions(
      pageCount: plan.pageCount, contextLength: plan.contextLength,
      vocabularySize: checkpoint.configuration.vocabularySize)
    engine.pageSize = plan.pageSize
    engine.maxRunningRequests = plan.maxRunningRequests
    engine.maxBatchedTokens = plan.maxBatchedTokens
    engine.maxMixedPrefillTokens = options.mixedPrefillSize ?? (device.isGPU ? nil : 128)
    engine.maxPrefillRows = options.prefillMaxRequests
    engine.maxQueuedRequests = options.maxQueuedRequests
    engine.enablePrefixCache = options.prefixCache
    // A CPU's launch is the step itself: there would be nothing to overlap.
    engine.overlap = device.isGPU && options.speculativeAlgorithm != .ngram && !options.jumpForward
    if !engine.overlap, options.speculativeAlgorithm != .none || options.jumpForward {
      var speculation = SpeculationOptions()
      speculation.maxDraftTokens = options.speculativeAlgorithm == .none ? 0 : options.speculativeDraftTokens
      speculation.writesForced = options.jumpForward
      engine.speculation = speculation
    }
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
