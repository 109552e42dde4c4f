import Foundation
import MartletCompute
import MartletCore
import Testing

@testable import MartletModel

/// Hidden states of prompts: against those of Hugging Face transformers (`scripts/goldens/embeddings_goldens.py`), and the
/// same whatever runs beside them.
@Suite struct EmbeddingTests {
  private struct Golden: Decodable {
    let prompt: [Int32]
    let hidden: Data
  }

  private static func executor(
    _ checkpoint: Checkpoint, table: KernelTable, exact: Bool = true
  ) throws -> ModelExecutor {
    var options = MemoryPlan.Options()
    options.availableBytes = 1 << 30
    options.maxRunningRequests = 4
    options.maxBatchedTokens = 128
    options.maxTotalTokens = 1024
    options.cacheType = exact ? .f32 : .f16
    options.dequantizes = exact
    let plan = try MemoryPlan(
      configuration: checkpoint.configuration, checkpoint: checkpoint, table: table, options: options)
    return try ModelExecutor(device: try Device(table: table), checkpoint: checkpoint, plan: plan)
  }

  private static func dummy(_ architecture: String, table: KernelTable) throws -> ModelExecutor {
    let model = try TinyModel(architecture: architecture)
    defer { model.remove() }
    return try executor(try Checkpoint(dummyPath: model.folder.path, dtype: .f32), table: table, exact: false)
  }

  /// The hidden states of all tokens of a prompt, in chunks, with a neighbour that writes an answer or without one.
  private static func states(
    _ executor: inout ModelExecutor, _ prompt: [Int32], chunk: Int, neighbour: Bool = false
  ) throws -> [Float] {
    let tokens = prompt.map { TokenID($0) }
    var plan = StepPlan()
    let request = try GenerationRequest(embedding: tokens, pooling: .mean)
    plan.admissions = [SlotAdmission(slot: SlotIndex(1), request: request, generated: [])]
    if neighbour {
      let other = GenerationRequest(
        prompt: tokens, sampling: request.sampling, stop: try StopCriteria(maxTokens: 9),
        logprobs: LogprobOptions(output: true, topCount: 1, promptStart: 0))
      plan.admissions.append(SlotAdmission(slot: SlotIndex(0), request: other, generated: []))
    }
    var values: [Float] = []
    for start in stride(from: 0, to: tokens.count, by: chunk) {
      let end = min(start + chunk, tokens.count)
      var row = StepRow(
        request: RequestID(1), slot: SlotIndex(1), input: .tokens(Array(tokens[start..<end])), start: start,
        pages: (0..<((end + 15) / 16)).map { PageIndex(Int32($0)) }, samples: false)
      row.pooled = 0..<(end - start)
      plan.rows = [row]
      if neighbour {
        plan.rows.insert(
          StepRow(
            request: RequestID(2), slot: SlotIndex(0), input: .tokens([TokenID(5), TokenID(6)]), start: 0,
            pages: [PageIndex(60)], samples: true, promptLogprobs: 0..<1), at: 0)
      }
      let ticket = try executor.launch(plan)
      values += try #require(try executor.collect(ticket).rows.last).hidden
      plan.admissions = []
    }
    plan = StepPlan()
    plan.releases = [SlotIndex(1)] + (neighbour ? [SlotIndex(0)] : [])
    let ticket = try executor.launch(plan)
    _ = try executor.collect(ticket)
    return values
  }

  /// Largest difference, relative to the largest expected value.
  private static func error(_ values: [Float], _ expected: [Float]) -> Float {
    guard values.count == expected.count else { return .infinity }
    let difference = zip(values, expected).map { abs($0 - $1) }.max() ?? .infinity
    return difference / (expected.map(abs).max() ?? 0)
  }

  @Test(arguments: FamilyGoldenTests.families, [KernelTable.Variant.reference, .avx2, .avx512, .amx, .neon])
  func hiddenStatesAgreeInFloat32(family: String, variant: KernelTable.Variant) throws {
    guard let table = KernelTable(cpu: variant) else { return }
    let folder = try #require(Bundle.module.url(forResource: "Goldens/families/\(family)", withExtension: nil))
    let golden = try JSONDecoder().decode(
      Golden.self, from: try Data(contentsOf: folder.appendingPathComponent("hidden.json")))
    let expected = FamilyGoldenTests.floats(golden.hidden)
    var executor = try Self.executor(try Checkpoint(path: folder.path), table: table)
    for chunk in [64, 5] {
      #expect(Self.error(try Self.states(&executor, golden.prompt, chunk: chunk), expected) < 1e-4)
    }
  }

  @Test(arguments: ["LlamaForCausalLM", "Qwen3ForCausalLM", "Gemma3ForCausalLM"])
  func bitsDependNeitherOnChunksNorNeighbours(architecture: String) throws {
    var executor = try Self.dummy(architecture, table: try #require(KernelTable(cpu: .best)))
    let prompt = (0..<50).map { Int32(($0 * 37) % 300) }
    let alone = try Self.states(&executor, prompt, chunk: 128)
    #expect(alone.count == 50 * 64 && alone.allSatisfy(\.isFinite))
    for chunk in [1, 7, 16] {
      for neighbour in [false, true] {
        let values = try Self.states(&executor, prompt, chunk: chunk, neighbour: neighbour)
        #expect(values.map(\.bitPattern) == alone.map(\.bitPattern), "chunks of \(chunk), neighbour \(neighbour)")
      }
    }
  }

  @Test func aDeviceWithMemoryOfItsOwnGivesTheSame() throws {
    var staged = try Self.dummy("LlamaForCausalLM", table: try #require(StagedTable.table))
    var shared = try Self.dummy("LlamaForCausalLM", table: try #require(KernelTable(cpu: .best)))
    let prompt = (0..<30).map { Int32(($0 * 11) % 300) }
    let expected = try Self.states(&shared, prompt, chunk: 9)
    #expect(Self.error(try Self.states(&staged, prompt, chunk: 9, neighbour: true), expected) < 1e-3)
  }

  @Test func sentenceTransformersFoldersNameTheirPooling() throws {
    for (mode, pooling) in [("pooling_mode_lasttoken", Pooling.last), ("pooling_mode_mean_tokens", .mean)] {
      let model = try TinyModel()
      defer { model.remove() }
      let folder = model.folder.appendingPathComponent("1_Pooling")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try Data("{\"\(mode)\": true}".utf8).write(to: folder.appendingPathComponent("config.json"))
      #expect(try Checkpoint(dummyPath: model.folder.path).configuration.pooling == pooling)
    }
  }
}
