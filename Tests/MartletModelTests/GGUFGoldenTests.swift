import Foundation
import MartletCompute
import Testing

@testable import MartletModel

/// A file written by the `gguf` package, against what that package reads from it; made by
/// `scripts/goldens/gguf_goldens.py`.
@Suite struct GGUFGoldenTests {
  private static func folder() throws -> URL {
    try #require(Bundle.module.url(forResource: "Goldens/gguf", withExtension: nil))
  }

  private static func file() throws -> GGUFFile {
    try GGUFFile(path: try folder().appendingPathComponent("formats.gguf").path)
  }

  @Test func readsEveryMetadataType() throws {
    let file = try Self.file()
    let integers: [String: Int] = [
      "t.u8": 255, "t.i8": -128, "t.u16": 65_535, "t.i16": -32_768, "t.u32": 4_294_967_295, "t.i32": -2_147_483_648,
      "t.u64": .max, "t.i64": .min,
    ]
    for (key, value) in integers { #expect(try file.integer(key) == value, "\(key)") }
    #expect(try file.double("t.f32") == 0.5)
    #expect(try file.double("t.f64") == 0.1)
    #expect(try file.bool("t.bool") == true)
    #expect(try file.string("t.string") == "grüße\n世界")
    let strings = try #require(try file.strings("t.strings"))
    let texts = (0..<strings.offsets.count - 1).map { index in
      String(decoding: strings.bytes[strings.offsets[index]..<strings.offsets[index + 1]], as: UTF8.self)
    }
    #expect(texts == ["", "a", "é", "\u{2581}x"])
    #expect(try file.integers("t.ints") == [1, -2, 3])
    #expect(try file.floats("t.floats") == [0.25, -1.5])
    #expect(try file.bytes("t.bytes") == [0, 127, 255])
    #expect(try file.string("t.absent") == nil)
  }

  @Test(arguments: [
    "F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
  ])
  func dequantizesEveryFormatAsTheReference(name: String) throws {
    let expected = try JSONDecoder().decode(
      [String: Data].self, from: try Data(contentsOf: try Self.folder().appendingPathComponent("formats.json")))
    let values = FamilyGoldenTests.floats(try #require(expected[name]))
    let tensor = try #require(try Self.file().tensors["m." + name])
    #expect(tensor.shape == [3, 512])
    for variant in [KernelTable.Variant.reference, .avx2, .avx512, .amx, .neon] {
      guard let table = KernelTable(cpu: variant) else { continue }
      let device = try Device(table: table)
      guard let base = unsafe tensor.bytes.baseAddress else { continue }
      let stored = unsafe Matrix(
        fileData: base, dtype: DType(tensor.dtype), rows: 3, columns: 512, owner: nil)
      let packed = try stored.packed(on: device, dtype: DType(tensor.dtype)).matrix
      for (matrix, isPacked) in [(stored, false), (packed, true)] {
        let result = try device.download(try matrix.values(on: device), count: values.count)
        for index in values.indices {
          var bound = 1e-6 * max(1, abs(values[index]))
          if isPacked, name == "F16" || name == "BF16" {
            // Packed as 16-bit codes with a scale for each row: its longest block of 64 is 32,767 long.
            let row = index / 512 * 512
            let lengths = (0..<8).map { block in
              values[(row + 64 * block)..<(row + 64 * block + 64)].reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
            }
            bound = 0.501 / 32_767 * (lengths.max() ?? 0)
          }
          #expect(abs(result[index] - values[index]) <= bound, "\(variant) value \(index)")
        }
      }
    }
  }
}
