import Dispatch
import Glibc
import MartletCore
import Synchronization

/// Weights for `--load-format dummy`: deterministic noise in anonymous memory. Each tensor depends on its name only, and
/// is made when its bytes are first asked for, so that a model may be larger than the host's memory.
@safe package final class RandomWeights: Sendable {
  /// One tensor's place and content.
  private struct Content {
    let range: Range<Int>
    let type: CheckpointDType
    let seed: UInt64
    /// All values, of a norm; else noise.
    let constant: Float?
  }

  private let count: Int
  private let contents: [Content]
  /// Indices of `contents` that are there.
  private let made = Mutex<Set<Int>>([])
  // Written under the lock before the bytes are handed out; freed with this object.
  private nonisolated(unsafe) let base: UnsafeMutableRawPointer

  private init(count: Int, contents: [Content]) throws(CheckpointError) {
    // Memory is taken as it is written: the sum of all tensors need not be there.
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard
      let mapping = unsafe mmap(nil, max(count, 1), PROT_READ | PROT_WRITE, flags, -1, 0),
      unsafe mapping != MAP_FAILED
    else {
      throw CheckpointError(
        file: "dummy", field: "weights", problem: "\(count) bytes cannot be had", remedy: "choose a smaller shape")
    }
    self.count = count
    self.contents = contents
    unsafe base = mapping
  }

  deinit { unsafe munmap(base, max(count, 1)) }

  /// Makes the tensors of the range that are not there yet, on all cores. Any thread.
  func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    let checked = range.clamped(to: 0..<count)
    made.withLock { made in
      for (index, content) in contents.enumerated() where content.range.overlaps(checked) {
        if made.insert(index).inserted { make(content) }
      }
    }
    return unsafe UnsafeRawBufferPointer(start: base + checked.lowerBound, count: checked.count)
  }

  /// Gives the memory of copied tensors back: they are made again when they are asked for again.
  func release(_ range: Range<Int>) {
    let start = (range.lowerBound + 4095) / 4096 * 4096
    let end = range.upperBound / 4096 * 4096
    made.withLock { made in
      for (index, content) in contents.enumerated() where content.range.overlaps(range) { made.remove(index) }
      if end > start { unsafe madvise(base + start, end - start, MADV_DONTNEED) }
    }
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
    var contents: [Content] = []
    var places: [(name: String, type: CheckpointDType, shape: [Int], range: Range<Int>)] = []
    var offset = 0
    for (name, shape) in shapes {
      let type = shape.count == 1 ? CheckpointDType.f32 : dtype
      let range = offset..<(offset + bytes(of: shape, type))
      let norm = name.hasSuffix("norm.weight") ? 1 - configuration.normWeightOffset : nil
      contents.append(Content(range: range, type: type, seed: hash(name), constant: norm))
      places.append((name, type, shape, range))
      offset = (range.upperBound + 63) / 64 * 64
    }
    let storage = try RandomWeights(count: total, contents: contents)
    var tensors: [String: CheckpointTensor] = [:]
    for place in places {
      tensors[place.name] = CheckpointTensor(
        name: place.name, dtype: place.type, shape: place.shape, storage: .memory(storage), range: place.range)
    }
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

  /// In pieces of whole blocks, each from where its numbers begin.
  private func make(_ content: Content) {
    let blocks = content.range.count / content.type.block.bytes, piece = 1 << 16
    DispatchQueue.concurrentPerform(iterations: (blocks + piece - 1) / piece) { index in
      let part = index * piece..<min(blocks, (index + 1) * piece)
      if content.type.block.elements == 1 { fill(content, part) } else { fillBlocks(content, part) }
    }
  }

  private func fill(_ content: Content, _ elements: Range<Int>) {
    let size = content.type.block.bytes
    var random = SplitMix64(seed: content.seed)
    random.skip(elements.lowerBound)
    for index in elements {
      // The sum of four uniform shares of a draw is close to normal with deviation 0.02.
      let z = random.next()
      let sum = Float(z & 0xffff) + Float((z >> 16) & 0xffff) + Float((z >> 32) & 0xffff) + Float(z >> 48)
      let value = content.constant ?? (sum / 65_536 - 2) * 0.0346
      let place = unsafe base + content.range.lowerBound + index * size
      switch content.type {
      case .f32: unsafe place.storeBytes(of: value.bitPattern, as: UInt32.self)
      case .f16: unsafe place.storeBytes(of: Float16(value).bitPattern, as: UInt16.self)
      default:
        unsafe place.storeBytes(of: UInt16(truncatingIfNeeded: (value.bitPattern &+ 0x8000) >> 16), as: UInt16.self)
      }
    }
  }

  /// Random codes and sub-scales; the block's half-precision scale and minimum give a deviation near 0.02 around zero.
  private func fillBlocks(_ content: Content, _ blocks: Range<Int>) {
    let size = content.type.block.bytes
    let (halves, scale, minimum): ([Int], Float, Float) =
      switch content.type {
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
    var random = SplitMix64(seed: content.seed)
    random.skip(blocks.lowerBound * (size / 2))
    for index in blocks {
      let block = unsafe base + content.range.lowerBound + index * size
      for place in stride(from: 0, to: size, by: 2) {
        unsafe block.storeBytes(of: UInt16(truncatingIfNeeded: random.next()), toByteOffset: place, as: UInt16.self)
      }
      for (place, value) in zip(halves, [scale, minimum]) {
        unsafe block.storeBytes(of: Float16(value).bitPattern, toByteOffset: place, as: UInt16.self)
      }
    }
  }
}
