import CMartletKernels
import Testing

@Suite struct SampleKernelTests {
  private func draw(_ stream: CPUStream, _ logits: [Float], _ row: mk_sample_row) -> Int32 {
    var token: Int32 = -7
    var workspace = [UInt64](repeating: 0, count: logits.count + 8)
    let status: Int32 = unsafe logits.withUnsafeBufferPointer { logits in
      unsafe withUnsafePointer(to: row) { row in
        unsafe withUnsafeMutablePointer(to: &token) { token in
          unsafe workspace.withUnsafeMutableBytes { workspace in
            var arguments = unsafe mk_sample_args(
              logits: logits.baseAddress, rows: 1, vocab: UInt32(logits.count), row: row, tokens: token,
              workspace: workspace.baseAddress, workspace_bytes: workspace.count, row_memory: 0)
            return unsafe stream.table.sample(stream.stream, &arguments)
          }
        }
      }
    }
    #expect(status == 0)
    return token
  }

  private func row(_ temperature: Float, topP: Float = 1, minP: Float = 0, topK: UInt32 = 0, position: UInt64 = 0)
    -> mk_sample_row
  {
    mk_sample_row(temperature: temperature, top_p: topP, min_p: minP, top_k: topK, seed: 11, position: position)
  }

  @Test func greedyTakesTheLowestOfEqualMaxima() throws {
    let stream = try #require(CPUStream(MK_CPU_BEST))
    #expect(draw(stream, [1, 5, 5, 2], row(0)) == 1)
    #expect(draw(stream, [.nan, 1, .infinity, 3], row(0)) == 3)
    #expect(draw(stream, [.nan, -.infinity], row(0)) == -1)
  }

  @Test func frequenciesFollowTheProbabilities() throws {
    let stream = try #require(CPUStream(MK_CPU_BEST))
    let logits: [Float] = [0, 1, 2, -.infinity, 0.5]
    let weights = logits.map { $0 == -.infinity ? 0 : Double.pow($0) }
    var counts = [Int](repeating: 0, count: logits.count)
    let draws = 20_000
    for position in 0..<draws { counts[Int(draw(stream, logits, row(1, position: UInt64(position))))] += 1 }
    let total = weights.reduce(0, +)
    var chiSquare = 0.0
    for (count, weight) in zip(counts, weights) where weight > 0 {
      let expected = Double(draws) * weight / total
      chiSquare += (Double(count) - expected) * (Double(count) - expected) / expected
    }
    #expect(counts[3] == 0)
    // 99.9 % quantile for three degrees of freedom.
    #expect(chiSquare < 16.3)
  }

  @Test func limitsKeepTheBestTokensOnly() throws {
    let stream = try #require(CPUStream(MK_CPU_BEST))
    var random = RandomSource(state: 3)
    let logits = random.floats(1000, scale: 6)
    let best = logits.indices.sorted { logits[$0] > logits[$1] }
    for position in 0..<300 {
      #expect(best.prefix(5).contains(Int(draw(stream, logits, row(1.5, topK: 5, position: UInt64(position))))))
      let nucleus = draw(stream, logits, row(0.2, topP: 0.3, position: UInt64(position)))
      #expect(best.prefix(12).contains(Int(nucleus)))
      let token = Int(draw(stream, logits, row(1, minP: 0.5, position: UInt64(position))))
      #expect(logits[token] >= logits[best[0]] - 0.6932)
    }
  }

  @Test func everyVariantDrawsTheSameToken() throws {
    var random = RandomSource(state: 5)
    let logits = random.floats(3001, scale: 5)
    for position in UInt64(0)..<64 {
      let rows = [
        row(0.8, position: position), row(1, topP: 0.9, position: position), row(1, topK: 40, position: position),
      ]
      for row in rows {
        let tokens = [MK_CPU_REFERENCE, MK_CPU_AVX2, MK_CPU_AVX512, MK_CPU_AMX, MK_CPU_NEON].compactMap {
          CPUStream($0, threads: 1)
        }
        .map { draw($0, logits, row) }
        #expect(Set(tokens).count == 1)
      }
    }
  }
}

extension Double {
  /// e to the power of a logit.
  fileprivate static func pow(_ logit: Float) -> Double {
    var term = 1.0, sum = 1.0
    for index in 1..<60 {
      term *= Double(logit) / Double(index)
      sum += term
    }
    return sum
  }
}
