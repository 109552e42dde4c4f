import CMartletKernels
import Foundation
import Testing

/// The ops without fast variants: gather, scale, soft cap and the rotation table.
@Suite struct PlainKernelTests {
  private func gather(_ stream: CPUStream, _ x: [Float], columns: Int, indices: [Int32]) -> (Int32, [Float]) {
    let input = KernelBuffer(x), chosen = KernelBuffer(indices)
    let y = KernelBuffer<Float>(repeating: -77, count: indices.count * columns)
    var arguments = unsafe mk_gather_args(
      x: input.base, indices: chosen.base, y: y.base, count: UInt32(indices.count), cols: UInt32(columns),
      x_rows: UInt32(x.count / columns), x_dtype: 0)
    let status = unsafe stream.table.gather(stream.stream, &arguments)
    return withExtendedLifetime((input, chosen)) { (status, y.values) }
  }

  @Test(arguments: cpuVariants) func gatheredRowsAreCopies(variant: Int) {
    guard let stream = CPUStream(variant) else { return }
    var random = RandomSource(state: 31)
    for (rows, columns) in [(1, 1), (7, 3), (64, 129)] {
      let x = random.floats(rows * columns)
      let indices = (0..<(rows + 5)).map { _ in Int32.random(in: 0..<Int32(rows), using: &random) }
      let (status, y) = gather(stream, x, columns: columns, indices: indices)
      #expect(status == MK_OK)
      #expect(y == indices.flatMap { x[(Int($0) * columns)..<((Int($0) + 1) * columns)] })
    }
  }

  @Test(arguments: cpuVariants) func anIndexOutsideTheRowsIsRefusedBeforeAnyCopy(variant: Int) {
    guard let stream = CPUStream(variant) else { return }
    for bad in [Int32(-1), 4, .max, .min] {
      let (status, y) = gather(stream, [1, 2, 3, 4], columns: 1, indices: [0, 1, bad])
      #expect(status == MK_INVALID_ARGUMENT)
      #expect(y == [-77, -77, -77])
    }
  }

  @Test(arguments: cpuVariants, [0, 1, 4095, 4096, 4097, 65536, 65537, 200_001])
  func everyElementIsScaledOnce(variant: Int, count: Int) {
    guard let stream = CPUStream(variant) else { return }
    var random = RandomSource(state: 33)
    let x = random.floats(count, scale: 100)
    let scaled = KernelBuffer(x)
    #expect(unsafe stream.table.scale(stream.stream, scaled.base, count, 0.3) == MK_OK)
    #expect(scaled.values == x.map { $0 * 0.3 })
  }

  @Test(arguments: cpuVariants, [1, 4095, 4097, 20_000]) func softCapsFollowTheHyperbolicTangent(
    variant: Int, count: Int
  ) {
    guard let stream = CPUStream(variant) else { return }
    var random = RandomSource(state: 34)
    var x = random.floats(count, scale: 90)
    x[0] = -.infinity
    for cap in [Float(1), 30, 50] {
      let capped = KernelBuffer(x)
      #expect(unsafe stream.table.soft_cap(stream.stream, capped.base, count, cap) == MK_OK)
      for (value, input) in zip(capped.values, x) {
        let expected = Double(cap) * tanh(Double(input) / Double(cap))
        guard abs(Double(value) - expected) <= 4e-7 * Double(cap) else {
          Issue.record("\(value) is not \(expected), the cap of \(input) at \(cap)")
          break
        }
      }
    }
  }

  @Test(arguments: cpuVariants) func capsThatAreNotPositiveAreRefused(variant: Int) {
    guard let stream = CPUStream(variant) else { return }
    for cap in [Float(0), -1, .nan] {
      let x = KernelBuffer<Float>([1, 2])
      #expect(unsafe stream.table.soft_cap(stream.stream, x.base, 2, cap) == MK_INVALID_ARGUMENT)
      #expect(x.values == [1, 2])
    }
  }

  @Test(arguments: cpuVariants, [1, 3, 64]) func rotationTablesAreExactToTheLastBit(variant: Int, half: Int) {
    guard let stream = CPUStream(variant) else { return }
    let positions = KernelBuffer<Int32>([0, 1, 7, 4095, 131_071, 1_000_000, .max])
    let frequencies = KernelBuffer((0..<half).map { Float(pow(10_000, -Double($0) / Double(half))) })
    let magnitude: Float = 1.19
    let table = KernelBuffer<Float>(repeating: -77, count: positions.count * 2 * half)
    var arguments = unsafe mk_rope_table_args(
      positions: positions.base, inverse_frequencies: frequencies.base, rows: UInt32(positions.count),
      half: UInt32(half), magnitude: magnitude, table: table.base)
    #expect(unsafe stream.table.rope_table(stream.stream, &arguments) == MK_OK)
    let values = table.values
    for (row, position) in positions.values.enumerated() {
      for (index, frequency) in frequencies.values.enumerated() {
        let angle = Double(position) * Double(frequency), start = row * 2 * half
        let cosine = Float(Double(magnitude) * cos(angle)), sine = Float(Double(magnitude) * sin(angle))
        #expect(abs(values[start + index] - cosine) <= cosine.ulp)
        #expect(abs(values[start + half + index] - sine) <= sine.ulp)
      }
    }
  }
}
