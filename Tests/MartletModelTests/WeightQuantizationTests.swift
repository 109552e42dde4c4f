import CMartletKernels
import Foundation
import MartletCompute
import Testing

@testable import MartletModel

/// Weights that are quantised when they are loaded.
@Suite(.serialized) struct WeightQuantizationTests {
  @Test func layersAreQuantisedSideBySideAndNothingElse() throws {
    let model = try TinyModel(["num_hidden_layers": 2, "tie_word_embeddings": false])
    defer { model.remove() }
    let checkpoint = try Checkpoint(dummyPath: model.folder.path)
    let device = try Device(table: try #require(QuantizingTable.table))
    _ = QuantizingTable.take()
    let cache = try (0..<2).map { _ in
      try KVLayer(on: device, dtype: .f32, pages: 1, pageSize: 16, heads: 2, headDimension: 16)
    }
    let loader = WeightLoader(device: device, checkpoint: checkpoint, quantizes: .f8E4M3)
    _ = try ModelCatalog.model(loader, cache: cache, maxRows: 4)
    func request(_ rows: UInt32, _ columns: UInt32, of all: UInt32, at first: UInt32) -> QuantizingTable.Request {
      QuantizingTable.Request(
        dtype: UInt32(MK_F8_E4M3), rows: rows, columns: columns, allRows: all, firstRow: first)
    }
    let layer = [
      request(64, 64, of: 128, at: 0), request(32, 64, of: 128, at: 64), request(32, 64, of: 128, at: 96),
      request(64, 64, of: 64, at: 0),
      request(96, 64, of: 192, at: 0), request(96, 64, of: 192, at: 96),
      request(64, 96, of: 64, at: 0),
    ]
    #expect(QuantizingTable.take() == layer + layer)
  }

  @Test func quantisedCheckpointsAreRefusedByName() throws {
    let model = try TinyModel()
    defer { model.remove() }
    let checkpoint = try Checkpoint(dummyPath: model.folder.path, dtype: .q8_0)
    #expect(checkpoint.quantizedType == "Q8_0")
    #expect(try Checkpoint(dummyPath: model.folder.path, dtype: .bf16).quantizedType == nil)
    let device = try Device(table: try #require(QuantizingTable.table))
    let loader = WeightLoader(device: device, checkpoint: checkpoint, quantizes: .f8E4M3)
    let error = #expect(throws: ModelError.self) {
      try loader.linear([("model.layers.0.self_attn.o_proj", 64)], columns: 64)
    }
    #expect(error?.description.contains("o_proj: is quantised already") == true)
  }
}
