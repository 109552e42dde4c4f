import CMartletKernels
import Testing

/// The known answers for philox4x32-10 that the Random123 library publishes.
@Suite struct PhiloxTests {
  struct Vector: Sendable {
    var counter: [UInt32]
    var key: [UInt32]
    var output: [UInt32]
  }

  static let vectors = [
    Vector(
      counter: [0, 0, 0, 0], key: [0, 0], output: [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
    Vector(
      counter: [.max, .max, .max, .max], key: [.max, .max],
      output: [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
    Vector(
      counter: [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], key: [0xa409_3822, 0x299f_31d0],
      output: [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
  ]

  @Test(arguments: vectors) func tenRoundsGiveThePublishedWords(vector: Vector) {
    let output = KernelBuffer<UInt32>(repeating: 0, count: 4)
    unsafe mk_philox(vector.counter, vector.key, output.base)
    #expect(output.values == vector.output)
  }
}
