/// Rounds float32 values to the blocks of a GGUF type. Layouts: https://github.com/ggml-org/ggml (ggml-common.h).
struct BlockQuantizer: Sendable {
  let dtype: CheckpointDType

  /// Nil for types that nothing is rounded to.
  init?(_ dtype: CheckpointDType) {
    switch dtype {
    case .f32, .f16, .bf16, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q4K, .q6K: self.dtype = dtype
    case .q2K, .q3K, .q5K: return nil
    }
  }

  /// Appends the blocks of `values`, whose count is a multiple of a block's elements. Values must be finite.
  func append(_ values: Span<Float>, to bytes: inout [UInt8]) {
    let size = dtype.block.elements
    var start = 0
    while start + size <= values.count {
      appendBlock(values.extracting(start..<start + size), to: &bytes)
      start += size
    }
  }

  private func appendBlock(_ values: Span<Float>, to bytes: inout [UInt8]) {
    switch dtype {
    case .f32: bytes.append(littleEndian: values[0].bitPattern)
    case .f16: bytes.append(littleEndian: Float16(values[0]).bitPattern)
    case .bf16: bytes.append(littleEndian: Self.bfloat(values[0]))
    case .q8_0: Self.appendEightBit(values, to: &bytes)
    case .q4_0: Self.appendSymmetric(values, half: 8, to: &bytes)
    case .q5_0: Self.appendSymmetric(values, half: 16, to: &bytes)
    case .q4_1: Self.appendAffine(values, levels: 15, to: &bytes)
    case .q5_1: Self.appendAffine(values, levels: 31, to: &bytes)
    case .q4K: SuperBlock.appendFourBit(values, to: &bytes)
    case .q6K: SuperBlock.appendSixBit(values, to: &bytes)
    case .q2K, .q3K, .q5K: break
    }
  }

  /// To nearest, ties to even.
  private static func bfloat(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
  }

  /// A scale as it is stored, and what it then is.
  static func half(_ value: Float) -> (bits: UInt16, value: Float) {
    let half = Float16(min(max(value, -65_504), 65_504))
    return (half.bitPattern, Float(half))
  }

  static func code(_ value: Float, over scale: Float, in range: ClosedRange<Float>) -> Int {
    scale == 0 ? 0 : Int(min(max((value / scale).rounded(), range.lowerBound), range.upperBound))
  }

  private static func appendEightBit(_ values: Span<Float>, to bytes: inout [UInt8]) {
    var largest: Float = 0
    for index in values.indices { largest = max(largest, abs(values[index])) }
    let scale = half(largest / 127)
    bytes.append(littleEndian: scale.bits)
    for index in values.indices {
      bytes.append(UInt8(bitPattern: Int8(code(values[index], over: scale.value, in: -128...127))))
    }
  }

  private static func appendSymmetric(_ values: Span<Float>, half count: Float, to bytes: inout [UInt8]) {
    let scale = half(ScaleSearch.symmetric(values, half: count))
    bytes.append(littleEndian: scale.bits)
    appendCodes(hasFifthBit: count > 8, to: &bytes) { index in
      scale.value == 0 ? Int(count) : code(values[index], over: scale.value, in: -count...(count - 1)) + Int(count)
    }
  }

  private static func appendAffine(_ values: Span<Float>, levels: Float, to bytes: inout [UInt8]) {
    let fit = ScaleSearch.affine(values, levels: levels, offsetIsNegative: false)
    let scale = half(fit.scale), offset = half(fit.offset)
    bytes.append(littleEndian: scale.bits)
    bytes.append(littleEndian: offset.bits)
    appendCodes(hasFifthBit: levels > 15, to: &bytes) { index in
      code(values[index] - offset.value, over: scale.value, in: 0...levels)
    }
  }

  /// 32 codes: their fifth bits as one word where there are any, then bytes of columns i and i + 16.
  private static func appendCodes(hasFifthBit: Bool, to bytes: inout [UInt8], _ code: (Int) -> Int) {
    var high: UInt32 = 0
    var low = [UInt8](repeating: 0, count: 16)
    for index in 0..<32 {
      let value = code(index)
      if value & 16 != 0 { high |= 1 << UInt32(index) }
      low[index & 15] |= UInt8(value & 15) << (index < 16 ? 0 : 4)
    }
    if hasFifthBit { bytes.append(littleEndian: high) }
    bytes += low
  }
}
