import Dispatch
import Glibc
import MartletCore

/// Weights for `--load-format dummy`: deterministic noise in anonymous memory. Each tensor depends on its name only.
@safe package final class RandomWeights: Sendable {
  private let count: Int
  // Filled before it is shared, read-only afterwards, freed with this object.
  private nonisolated(unsafe) let base: UnsafeMutableRawPointer

  private init(count: Int) throws(CheckpointError) {
    guard
      let mapping = unsafe mmap(nil, max(count, 1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      unsafe mapping != MAP_FAILED
    else {
      throw CheckpointError(
        file: "dummy", field: "weights", problem: "\(count) bytes cannot be had", remedy: "choose a smaller shape")
    }
    self.count = count
    unsafe base = mapping
  }

  deinit { unsafe munmap(base, max(count, 1)) }

  func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    let checked = range.clamped(to: 0..<count)
    return unsafe UnsafeRawBufferPointer(start: base + checked.lowerBound, count: checked.count)
  }

  /// Anonymous memory given back reads as zero afterwards: only for copied tensors.
  func release(_ range: Range<Int>) {
    let start = (range.lowerBound + 4095) / 4096 * 4096
    let end = range.upperBound / 4096 * 4096
    if end > start { unsafe madvise(base + start, end - start, MADV_DONTNEED) }
  }

  static func tensors(
    of configuration: ModelConfiguration, dtype: CheckpointDType
  ) throws(CheckpointError) -> [String: CheckpointTensor] {
    let shapes = shapes(of: configuration)
    var total = 0
    for (tensor, shape) in shapes {
      let type = shape.count == 1 ? CheckpointDType.f32 : dtype
      guard shape.last.map({ $0 % type.block.elements == 0 }) == true else {
        throw CheckpointError(
          file: "dummy", field: tensor, problem: "has rows of \(shape.last ?? 0) values, which \(dtype) cannot divide",
          remedy: "choose a dtype with smaller blocks")
      }
      let (sum, overflow) = total.addingReportingOverflow(bytes(of: shape, type) + 64)
      guard !overflow, sum < 1 << 46 else {
        throw CheckpointError(
          file: "dummy", field: "weights", problem: "are too large", remedy: "choose a smaller shape")
      }
      total = sum
    }
    let storage = try RandomWeights(count: total)
    var tensors: [String: CheckpointTensor] = [:]
    var offset = 0
    var fills: [@Sendable () -> Void] = []
    for (name, shape) in shapes {
      let type = shape.count == 1 ? CheckpointDType.f32 : dtype
      let range = offset..<(offset + bytes(of: shape, type))
      if type.block.elements == 1 {
        let norm = name.hasSuffix("norm.weight"), offset = configuration.normWeightOffset
        fills.append { storage.fill(range, type: type, norm: norm, seed: hash(name), offset: offset) }
      } else {
        fills.append { storage.fillBlocks(range, type: type, seed: hash(name)) }
      }
      tensors[name] = CheckpointTensor(name: name, dtype: type, shape: shape, storage: .memory(storage), range: range)
      offset = (range.upperBound + 63) / 64 * 64
    }
    let all = fills
    DispatchQueue.concurrentPerform(iterations: all.count) { all[$0]() }
    return tensors
  }

  private static func bytes(of shape: [Int], _ type: CheckpointDType) -> Int {
    shape.reduce(1, *) / type.block.elements * type.block.bytes
  }

  private static func shapes(of c: ModelConfiguration) -> [(String, [Int])] {
    var shapes: [(String, [Int])] = [("model.embed_tokens.weight", [c.vocabularySize, c.hiddenSize])]
    for layer in 0..<c.layerCount {
      let prefix = "model.layers.\(layer)."
      let query = c.headCount * c.headDimension, keyValue = c.keyValueHeadCount * c.headDimension
      for (name, rows) in [("q_proj", query), ("k_proj", keyValue), ("v_proj", keyValue)] {
        shapes.append((prefix + "self_attn.\(name).weight", [rows, c.hiddenSize]))
        if c.architecture == .qwen2 { shapes.append((prefix + "self_attn.\(name).bias", [rows])) }
      }
      shapes.append((prefix + "self_attn.o_proj.weight", [c.hiddenSize, query]))
      if c.architecture == .qwen3 || c.architecture == .gemma3 {
        shapes.append((prefix + "self_attn.q_norm.weight", [c.headDimension]))
        shapes.append((prefix + "self_attn.k_norm.weight", [c.headDimension]))
      }
      shapes.append((prefix + "mlp.gate_proj.weight", [c.intermediateSize, c.hiddenSize]))
      shapes.append((prefix + "mlp.up_proj.weight", [c.intermediateSize, c.hiddenSize]))
      shapes.append((prefix + "mlp.down_proj.weight", [c.hiddenSize, c.intermediateSize]))
      var norms = ["input_layernorm", "post_attention_layernorm"]
      if c.architecture == .gemma3 { norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"] }
      for norm in norms { shapes.append((prefix + norm + ".weight", [c.hiddenSize])) }
    }
    shapes.append(("model.norm.weight", [c.hiddenSize]))
    if !c.tiedEmbeddings { shapes.append(("lm_head.weight", [c.vocabularySize, c.hiddenSize])) }
    return shapes
  }

  /// FNV-1a.
  private static func hash(_ name: String) -> UInt64 {
    name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }

  private func fill(_ range: Range<Int>, type: CheckpointDType, norm: Bool, seed: UInt64, offset: Float) {
    let elements = range.count / type.block.bytes
    var random = SplitMix64(seed: seed)
    for index in 0..<elements {
      // The sum of four uniform shares of a draw is close to normal with deviation 0.02.
      let z = random.next()
      let sum = Float(z & 0xffff) + Float((z >> 16) & 0xffff) + Float((z >> 32) & 0xffff) + Float(z >> 48)
      let value = norm ? 1 - offset : (sum / 65_536 - 2) * 0.0346
      let place = unsafe base + range.lowerBound + index * type.block.bytes
      switch type {
      case .f32: unsafe place.storeBytes(of: value.bitPattern, as: UInt32.self)
      case .f16: unsafe place.storeBytes(of: Float16(value).bitPattern, as: UInt16.self)
      default:
        unsafe place.storeBytes(of: UInt16(truncatingIfNeeded: (value.bitPattern &+ 0x8000) >> 16), as: UInt16.self)
      }
    }
  }

  /// Random codes and sub-scales; the block's half-precision scale and minimum give a deviation near 0.02 around zero.
  private func fillBlocks(_ range: Range<Int>, type: CheckpointDType, seed: UInt64) {
    let size = type.block.bytes
    let (halves, scale, minimum): ([Int], Float, Float) =
      switch type {
      case .q4_0: ([0], 0.0043, 0)
      case .q4_1: ([0, 2], 0.0043, -7.5 * 0.0043)
      case .q5_0: ([0], 0.0022, 0)
      case .q5_1: ([0, 2], 0.0022, -15.5 * 0.0022)
      case .q8_0: ([0], 0.000_27, 0)
      case .q2K: ([80, 82], 0.002, 0.003)
      case .q3K: ([108], 0.000_48, 0)
      case .q4K: ([0, 2], 0.000_08, 0.000_6)
      case .q5K: ([0, 2], 0.000_044, 0.000_68)
      default: ([208], 0.000_015, 0)
      }
    var random = SplitMix64(seed: seed)
    for start in stride(from: range.lowerBound, to: range.upperBound, by: size) {
      let block = unsafe base + start
      for place in stride(from: 0, to: size, by: 2) {
        unsafe block.storeBytes(of: UInt16(truncatingIfNeeded: random.next()), toByteOffset: place, as: UInt16.self)
      }
      for (place, value) in zip(halves, [scale, minimum]) {
        unsafe block.storeBytes(of: Float16(value).bitPattern, toByteOffset: place, as: UInt16.self)
      }
    }
  }
}
