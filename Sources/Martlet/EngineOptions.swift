/// How a model is loaded and run. Every value has a default; `nil` means: chosen from the model and the machine.
public struct EngineOptions: Sendable {
  /// Where the weights come from.
  public enum LoadFormat: String, Sendable, CaseIterable {
    /// A GGUF file or a Hugging Face folder, told by what is there.
    case auto
    case gguf
    case safetensors
    /// Random weights in the shape of a `config.json`.
    case dummy
  }

  /// Element type of the key/value cache.
  public enum KVCacheType: String, Sendable, CaseIterable {
    case auto
    case float32
    case float16
    case bfloat16
    /// E4M3 without scales, on GPUs: what is beyond 448 becomes that.
    case fp8E4M3 = "fp8_e4m3"
  }

  /// Element type of the weights in memory.
  public enum WeightType: String, Sendable, CaseIterable {
    /// As the checkpoint stores them; bfloat16 for dummy weights.
    case auto
    /// Converted to float32: the exact reference of a quantised file, at several times its size.
    case float32
    /// The remaining ones choose what dummy weights are made of.
    case float16, bfloat16
    case q4_0, q4_1, q5_0, q5_1, q8_0
    case q2K = "q2_k"
    case q3K = "q3_k"
    case q4K = "q4_k"
    case q5K = "q5_k"
    case q6K = "q6_k"
  }

  /// What dense weights are quantised to when they are loaded.
  public enum Quantization: String, Sendable, CaseIterable {
    /// E4M3 with a scale for each row of a layer's matrices, on GPUs; embeddings and the head stay as they are.
    case fp8
  }

  /// Which waiting request goes first.
  public enum SchedulePolicy: String, Sendable, CaseIterable {
    /// Longest prefix match.
    case longestPrefixMatch = "lpm"
    case firstComeFirstServed = "fcfs"
    /// Longest output first.
    case longestOutputFirst = "lof"
    case random
  }

  /// How tokens are guessed in advance. The output is the same with and without it.
  public enum SpeculativeAlgorithm: String, Sendable, CaseIterable {
    /// Prompt lookup on CPUs.
    case auto
    case none
    /// Prompt lookup: what followed the last tokens where they stood before.
    case ngram = "NGRAM"
  }

  public var loadFormat = LoadFormat.auto
  public var weightType = WeightType.auto
  /// nil: the weights stay of their type.
  public var quantization: Quantization?
  /// A folder or file whose tokenizer is used in place of the model's own.
  public var tokenizerPath: String?
  /// A Jinja file used in place of the model's own chat template.
  public var chatTemplatePath: String?
  /// Prompt plus output tokens of one request.
  public var contextLength: Int?
  /// Share of the device's available memory for weights, workspace and the KV pool together; nil: 0.8 of the host's,
  /// 0.9 of a GPU's.
  public var memoryFraction: Double?
  /// KV pool size in tokens.
  public var maxTotalTokens: Int?
  public var maxRunningRequests: Int?
  public var maxQueuedRequests = 1024
  /// Tokens of one step; longer prompts are prefilled in chunks. nil: 512 on a CPU, 8192 on a GPU (2048 under 60 GiB).
  public var chunkedPrefillSize: Int?
  /// Prompt tokens of a step in which answers are being written; nil: 128 on a CPU, the whole step on a GPU.
  public var mixedPrefillSize: Int?
  /// Prompts worked on in one step; nil: as many as it holds.
  public var prefillMaxRequests: Int?
  public var pageSize = 16
  public var schedulePolicy = SchedulePolicy.firstComeFirstServed
  public var prefixCache = true
  public var speculativeAlgorithm = SpeculativeAlgorithm.auto
  /// Tokens guessed for one request in one step at most.
  public var speculativeDraftTokens = 8
  /// Text that a form of output forces is written without asking the model, cut into tokens as its tokenizer does. Fewer
  /// steps; what follows can differ from what it was without.
  public var jumpForward = false
  public var kvCacheType = KVCacheType.auto
  /// Worker threads; nil: one for each core this process may use.
  public var threads: Int?
  /// "auto" (a GPU where one can be used, else the CPU), "cpu", "cuda", one of the CPU's kernel sets ("reference",
  /// "avx2", "avx512", "amx", "neon"), or the path of a backend library.
  public var device = "auto"
  /// On a GPU: a request's bytes do not depend on its neighbours, on chunking or on cache hits, as on a CPU. Slower.
  public var deterministic = false
  /// The CUDA backend's library; nil: beside the program or in the `lib` folder beside its own.
  public var backendLibrary: String?

  public init() {}
}
