extension RegularArena {
  /// One character of `set` in UTF-8.
  mutating func utf8(_ set: CodePointSet) -> RegularID {
    var sequences: [[ClosedRange<UInt8>]] = []
    for range in set.ranges { Self.appendSequences(range, to: &sequences) }
    return merged(sequences[...], at: 0)
  }

  /// Sequences that agree up to `depth`, as an expression from there on.
  private mutating func merged(_ sequences: ArraySlice<[ClosedRange<UInt8>]>, at depth: Int) -> RegularID {
    var leads: [(tail: RegularID, set: ByteSet)] = []
    var start = sequences.startIndex
    while start < sequences.endIndex {
      let lead = sequences[start][depth]
      var end = start + 1
      while end < sequences.endIndex, sequences[end][depth] == lead { end += 1 }
      let tail =
        sequences[start].count == depth + 1 ? Self.empty : merged(sequences[start..<end], at: depth + 1)
      if let index = leads.firstIndex(where: { $0.tail == tail }) {
        leads[index].set |= ByteSet(lead)
      } else {
        leads.append((tail, ByteSet(lead)))
      }
      start = end
    }
    return choice(leads.map { sequence(bytes($0.set), $0.tail) })
  }

  /// Splits a range at the borders of UTF-8's lengths and of full continuation ranges.
  private static func appendSequences(_ range: ClosedRange<UInt32>, to result: inout [[ClosedRange<UInt8>]]) {
    for limits: ClosedRange<UInt32> in [0...0x7F, 0x80...0x7FF, 0x800...0xFFFF, 0x10000...0x10FFFF] {
      guard range.overlaps(limits) else { continue }
      split(range.clamped(to: limits), &result)
    }
  }

  private static func split(_ range: ClosedRange<UInt32>, _ result: inout [[ClosedRange<UInt8>]]) {
    let low = range.lowerBound
    let high = range.upperBound
    for bits: UInt32 in [6, 12, 18] {
      let mask: UInt32 = (1 << bits) - 1
      guard high > 0x7F, low & ~mask != high & ~mask else { continue }
      if low & mask != 0 {
        split(low...(low | mask), &result)
        split(((low | mask) + 1)...high, &result)
        return
      }
      if high & mask != mask {
        split(low...((high & ~mask) - 1), &result)
        split((high & ~mask)...high, &result)
        return
      }
    }
    let first = encode(low)
    let last = encode(high)
    result.append(zip(first, last).map { $0...$1 })
  }

  private static func encode(_ value: UInt32) -> [UInt8] {
    func continuation(_ shift: UInt32) -> UInt8 { UInt8(0x80 | (value >> shift & 0x3F)) }
    return switch value {
    case 0...0x7F: [UInt8(value)]
    case 0x80...0x7FF: [UInt8(0xC0 | value >> 6), continuation(0)]
    case 0x800...0xFFFF: [UInt8(0xE0 | value >> 12), continuation(6), continuation(0)]
    default: [UInt8(0xF0 | (value >> 18 & 7)), continuation(12), continuation(6), continuation(0)]
    }
  }

  /// One of `texts`, shared by their prefixes so that a step looks at one branch.
  mutating func oneOf(_ texts: [[UInt8]]) -> RegularID {
    let sorted = texts.sorted { $0.lexicographicallyPrecedes($1) }
    return prefixTree(sorted[...], at: 0)
  }

  private mutating func prefixTree(_ texts: ArraySlice<[UInt8]>, at depth: Int) -> RegularID {
    guard let first = texts.first, let last = texts.last else { return Self.nothing }
    var common = depth
    while common < first.count, common < last.count, first[common] == last[common] { common += 1 }
    var branches: [RegularID] = []
    var start = texts.startIndex
    while start < texts.endIndex {
      guard texts[start].count > common else {
        branches.append(Self.empty)
        start += 1
        continue
      }
      var end = start + 1
      while end < texts.endIndex, texts[end][common] == texts[start][common] { end += 1 }
      if end - start == 1 {
        branches.append(literal(texts[start][common...]))
      } else {
        branches.append(prefixTree(texts[start..<end], at: common))
      }
      start = end
    }
    return sequence(literal(first[depth..<common]), choice(branches))
  }
}
