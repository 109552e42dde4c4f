public import ArgumentParser
public import Martlet

/// The flags of every command that runs a model, in SGLang's spelling where the meaning is the same.
struct EngineFlags: ParsableArguments {
  @Option(help: "Weights: auto, gguf, safetensors, or dummy (random weights in the shape of a config.json).")
  var loadFormat = EngineOptions.LoadFormat.auto

  @Option(
    help: ArgumentHelp(
      "Weights in memory: auto (as stored) or float32 (the exact reference of a quantised file, several times its size); dummy weights may be of any type, such as bfloat16 or q4_k.",
      valueName: "type"))
  var dtype = EngineOptions.WeightType.auto

  @Option(
    help: ArgumentHelp(
      "Quantise the layers' weights when they are loaded, on a GPU: fp8. The checkpoint must be in F32, F16 or BF16.",
      valueName: "type"))
  var quantization: EngineOptions.Quantization?

  @Option(help: "Folder or file whose tokenizer replaces the model's own.")
  var tokenizerPath: String?

  @Option(help: "Jinja file that replaces the model's own chat template.")
  var chatTemplate: String?

  @Option(help: "Longest prompt plus output of one request, in tokens. Default: the model's.")
  var contextLength: Int?

  @Option(help: "Share of the device's available memory for weights and KV cache. Default: 0.8 on a CPU, 0.9 on a GPU.")
  var memFractionStatic: Double?

  @Option(help: "KV cache size in tokens. Default: what memory allows.")
  var maxTotalTokens: Int?

  @Option(help: "Requests that run at once. Default: chosen from the KV cache size.")
  var maxRunningRequests: Int?

  @Option(help: "Requests that may wait; more are refused with 503.")
  var maxQueuedRequests = 1024

  @Option(
    help:
      "Tokens computed in one step; longer prompts are prefilled in chunks of this size. Default: 512 on a CPU, 8192 on a GPU, 2048 on one with less than 60 GiB."
  )
  var chunkedPrefillSize: Int?

  @Option(
    help:
      "Prompt tokens computed in a step that also writes answers: fewer let the answers flow more evenly, more let prompts begin sooner. Default: 128 on a CPU, the whole step on a GPU."
  )
  var mixedPrefillSize: Int?

  @Option(help: "Prompts worked on in one step: fewer are finished sooner each. Default: as many as the step holds.")
  var prefillMaxRequests: Int?

  @Option(help: "Tokens in a page of the KV cache.")
  var pageSize = 16

  @Option(help: "Which waiting request goes first: fcfs, lpm (longest prefix match), lof (longest output) or random.")
  var schedulePolicy = EngineOptions.SchedulePolicy.firstComeFirstServed

  @Flag(help: "Do not reuse the KV cache of earlier requests with the same beginning.")
  var disableRadixCache = false

  @Option(help: "Tokens guessed in advance, without a change to the output: auto, none or NGRAM (prompt lookup).")
  var speculativeAlgorithm = EngineOptions.SpeculativeAlgorithm.auto

  @Option(help: "Tokens guessed for one request in one step at most.")
  var speculativeNumDraftTokens = 8

  @Flag(help: "Write text that a schema or grammar forces without asking the model; what follows can differ.")
  var enableJumpForward = false

  @Option(
    help: ArgumentHelp(
      "KV cache element type: auto, float32, float16 or bfloat16; on a GPU also fp8_e4m3, in half the memory. Default: auto.",
      valueName: "type"), completion: .list(EngineOptions.KVCacheType.allCases.map(\.rawValue)),
    transform: EngineOptions.KVCacheType.init(named:))
  var kvCacheDtype = EngineOptions.KVCacheType.auto

  @Option(help: "Worker threads. Default: one for each core this process may use.")
  var threads: Int?

  @Option(
    help:
      "Where the model runs: auto (a GPU if one can be used), cpu, cuda, a CPU kernel set (reference, avx2, avx512, amx, neon), or the path of a backend library."
  )
  var device = "auto"

  @Flag(help: "On a GPU: the same request gives the same bytes whatever else runs beside it, as a CPU always does.")
  var deterministic = false

  @Option(help: "The CUDA backend's library. Default: libmartlet_cuda.so beside this program or in ../lib.")
  var cudaLibrary: String?

  func validate() throws {
    try Self.check("--context-length", contextLength, 1...Int(Int32.max))
    try Self.check("--max-total-tokens", maxTotalTokens, 1...Int(Int32.max))
    try Self.check("--max-running-requests", maxRunningRequests, 1...65_536)
    try Self.check("--max-queued-requests", maxQueuedRequests, 0...10_000_000)
    try Self.check("--chunked-prefill-size", chunkedPrefillSize, 1...65_536)
    try Self.check("--mixed-prefill-size", mixedPrefillSize, 1...65_536)
    try Self.check("--prefill-max-requests", prefillMaxRequests, 1...65_536)
    try Self.check("--threads", threads, 1...1024)
    try Self.check("--speculative-num-draft-tokens", speculativeNumDraftTokens, 1...64)
    guard pageSize % 16 == 0, (16...256).contains(pageSize) else {
      throw ValidationError("--page-size must be a multiple of 16 up to 256, got \(pageSize)")
    }
    if let memFractionStatic, !(memFractionStatic > 0 && memFractionStatic <= 0.98) {
      throw ValidationError("--mem-fraction-static must be over 0 and at most 0.98, got \(memFractionStatic)")
    }
  }

  private static func check(_ flag: String, _ value: Int?, _ range: ClosedRange<Int>) throws {
    guard let value, !range.contains(value) else { return }
    throw ValidationError("\(flag) must be between \(range.lowerBound) and \(range.upperBound), got \(value)")
  }

  var options: EngineOptions {
    var options = EngineOptions()
    options.loadFormat = loadFormat
    options.weightType = dtype
    options.quantization = quantization
    options.tokenizerPath = tokenizerPath
    options.chatTemplatePath = chatTemplate
    options.contextLength = contextLength
    options.memoryFraction = memFractionStatic
    options.maxTotalTokens = maxTotalTokens
    options.maxRunningRequests = maxRunningRequests
    options.maxQueuedRequests = maxQueuedRequests
    options.chunkedPrefillSize = chunkedPrefillSize
    options.mixedPrefillSize = mixedPrefillSize
    options.prefillMaxRequests = prefillMaxRequests
    options.pageSize = pageSize
    options.schedulePolicy = schedulePolicy
    options.prefixCache = !disableRadixCache
    options.kvCacheType = kvCacheDtype
    options.speculativeAlgorithm = speculativeAlgorithm
    options.speculativeDraftTokens = speculativeNumDraftTokens
    options.jumpForward = enableJumpForward
    options.threads = threads
    options.device = device
    options.backendLibrary = cudaLibrary
    options.deterministic = deterministic
    return options
  }
}

extension EngineOptions.LoadFormat: ExpressibleByArgument {}
extension EngineOptions.SpeculativeAlgorithm: ExpressibleByArgument {}
extension EngineOptions.WeightType: ExpressibleByArgument {}
extension EngineOptions.Quantization: ExpressibleByArgument {}
extension EngineOptions.SchedulePolicy: ExpressibleByArgument {}
