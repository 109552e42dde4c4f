import Foundation
import MartletCore
import Testing

@testable import MartletModel

@Suite struct RandomWeightsTests {
  private static func values(_ tensor: CheckpointTensor) -> [UInt16] {
    let bytes = unsafe tensor.bytes
    return (0..<tensor.count).map { unsafe bytes.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self) }
  }

  @Test func theyAreMadeAgainAfterTheirMemoryWasGivenBack() throws {
    // More than one piece of what is made at once.
    let model = try TinyModel(["vocab_size": 3000])
    defer { model.remove() }
    let tensor = try Checkpoint(dummyPath: model.folder.path)
      .tensor("model.embed_tokens.weight", shape: [3000, 64])
    let first = Self.values(tensor)
    tensor.storage.release(tensor.range)
    #expect(Self.values(tensor) == first)
    #expect(Set(first).count > 100)
  }

  @Test func aTensorDependsOnItsNameOnly() throws {
    let (small, large) = (
      try TinyModel(["vocab_size": 3000]), try TinyModel(["vocab_size": 3000, "num_hidden_layers": 5])
    )
    defer {
      small.remove()
      large.remove()
    }
    let name = "model.embed_tokens.weight"
    let tensors = try [small, large].map {
      try Checkpoint(dummyPath: $0.folder.path).tensor(name, shape: [3000, 64])
    }
    // As one generator writes it from the start, whatever pieces it is made in.
    var random = SplitMix64(seed: name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 })
    let wanted = (0..<3000 * 64).map { _ in
      let z = random.next()
      let sum = Float(z & 0xffff) + Float((z >> 16) & 0xffff) + Float((z >> 32) & 0xffff) + Float(z >> 48)
      return UInt16(truncatingIfNeeded: (((sum / 65_536 - 2) * 0.0346).bitPattern &+ 0x8000) >> 16)
    }
    for tensor in tensors { #expect(Self.values(tensor) == wanted) }
  }
}
