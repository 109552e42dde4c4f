/// Blocks of 256 columns whose sub-blocks have small integers as scales.
enum SuperBlock {
  static let count = 256

  /// Q4_K: eight sub-blocks of 32; value = scale * subscale * code - minimum * subminimum.
  static func appendFourBit(_ values: Span<Float>, to bytes: inout [UInt8]) {
    let fits = (0..<8).map {
      ScaleSearch.affine(values.extracting($0 * 32..<$0 * 32 + 32), levels: 15, offsetIsNegative: true)
    }
    let scale = BlockQuantizer.half((fits.map(\.scale).max() ?? 0) / 63)
    let minimum = BlockQuantizer.half((fits.map { -$0.offset }.max() ?? 0) / 63)
    let subscales = fits.map { BlockQuantizer.code($0.scale, over: scale.value, in: 0...63) }
    let subminima = fits.map { BlockQuantizer.code(-$0.offset, over: minimum.value, in: 0...63) }
    bytes.append(littleEndian: scale.bits)
    bytes.append(littleEndian: minimum.bits)
    var packed = [UInt8](repeating: 0, count: 12)
    for index in 0..<4 {
      packed[index] = UInt8(subscales[index] | (subscales[index + 4] >> 4) << 6)
      packed[index + 4] = UInt8(subminima[index] | (subminima[index + 4] >> 4) << 6)
      packed[index + 8] = UInt8(subscales[index + 4] & 15 | (subminima[index + 4] & 15) << 4)
    }
    bytes += packed
    func code(_ block: Int, _ column: Int) -> UInt8 {
      let value = values[block * 32 + column] + minimum.value * Float(subminima[block])
      return UInt8(BlockQuantizer.code(value, over: scale.value * Float(subscales[block]), in: 0...15))
    }
    for pair in 0..<4 {
      for column in 0..<32 { bytes.append(code(2 * pair, column) | code(2 * pair + 1, column) << 4) }
    }
  }

  /// Q6_K: sixteen sub-blocks of 16; value = scale * subscale * (code - 32).
  static func appendSixBit(_ values: Span<Float>, to bytes: inout [UInt8]) {
    let fits = (0..<16).map { ScaleSearch.symmetric(values.extracting($0 * 16..<$0 * 16 + 16), half: 32) }
    let extreme = fits.max { abs($0) < abs($1) } ?? 0
    let scale = BlockQuantizer.half(-extreme / 128)
    let subscales = fits.map { BlockQuantizer.code($0, over: scale.value, in: -128...127) }
    var codes = [UInt8](repeating: 32, count: count)
    for index in 0..<count where subscales[index / 16] != 0 {
      let step = scale.value * Float(subscales[index / 16])
      codes[index] = UInt8(BlockQuantizer.code(values[index], over: step, in: -32...31) + 32)
    }
    // Each half of 128 columns: low nibbles of quarters 0 and 2, then of 1 and 3, share bytes; high bits of all four do.
    for half in [0, 128] {
      for column in 0..<64 { bytes.append(codes[half + column] & 15 | (codes[half + column + 64] & 15) << 4) }
    }
    for half in [0, 128] {
      for column in 0..<32 {
        let quarters = (0..<4).map { codes[half + column + 32 * $0] >> 4 }
        bytes.append(quarters[0] | quarters[1] << 2 | quarters[2] << 4 | quarters[3] << 6)
      }
    }
    for subscale in subscales { bytes.append(UInt8(bitPattern: Int8(subscale))) }
    bytes.append(littleEndian: scale.bits)
  }
}
