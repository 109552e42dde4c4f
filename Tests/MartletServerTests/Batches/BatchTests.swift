import Foundation
import Hummingbird
import MartletCore
import MartletText
import Testing

@testable import MartletServer

/// Files and batches over a scripted engine.
@Suite struct BatchTests {
  private static func lines(_ count: Int) -> String {
    (0..<count).map { index in
      #"{"custom_id": "c\#(index)", "method": "POST", "url": "/v1/completions", "body": {"prompt": "hi", "max_tokens": 5}}"#
    }.joined(separator: "\n")
  }

  private static func upload(_ text: String, to server: TestServer, headers: HTTPFields = [:]) async throws -> JSONValue
  {
    let body = """
      --b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n\
      --b\r\nContent-Disposition: form-data; name="file"; filename="in.jsonl"\r\n\r\n\(text)\r\n--b--\r\n
      """
    var headers = headers
    headers[.contentType] = "multipart/form-data; boundary=b"
    return try await server.send("/v1/files", bytes: Array(body.utf8), headers: headers).json
  }

  private static func create(_ text: String, on server: TestServer) async throws -> JSONValue {
    let file = try await upload(text, to: server)
    return try await server.send(
      "/v1/batches",
      ["input_file_id": file["id"] ?? .null, "endpoint": "/v1/completions", "completion_window": "24h"]
    ).json
  }

  private static func get(_ batch: JSONValue, on server: TestServer) async throws -> JSONValue {
    try await server.send("/v1/batches/\(batch["id"]?.stringValue ?? "")", method: .get).json
  }

  /// Runs batches until `isDone` says so.
  private static func run(
    _ server: TestServer, until isDone: @escaping @Sendable () async throws -> Bool
  ) async throws {
    let runner = server.server.batches
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await runner.run() }
      while try await !isDone() { try await Task.sleep(for: .milliseconds(5)) }
      group.cancelAll()
    }
  }

  private static func results(_ id: JSONValue?, _ server: TestServer) async throws -> [JSONValue] {
    try await server.send("/v1/files/\(id?.stringValue ?? "")/content", method: .get).text
      .split(separator: "\n").map { try JSONValue(parsing: String($0)) }
  }

  @Test(.timeLimit(.minutes(1))) func everyLineIsAnswered() async throws {
    let server = try TestServer(ScriptedGenerator(text: "words"))
    let batch = try await Self.create(Self.lines(10) + "\n\n", on: server)
    #expect(batch["status"] == "in_progress" && batch["request_counts"]?["total"] == 10)
    try await Self.run(server) { try await Self.get(batch, on: server)["status"] == "completed" }
    let done = try await Self.get(batch, on: server)
    #expect(done["request_counts"] == ["total": 10, "completed": 10, "failed": 0] && done["error_file_id"] == .null)
    let results = try await Self.results(done["output_file_id"], server)
    #expect(results.map { $0["custom_id"]?.stringValue } == (0..<10).map { "c\($0)" })
    #expect(results[0]["response"]?["body"]?["choices"]?[0]?["text"] == "words")
    #expect(server.generator.requests.allSatisfy { $0.priority == BatchRunner.priority })
  }

  @Test(.timeLimit(.minutes(1))) func embeddingsAreMadeInBatches() async throws {
    let server = try TestServer(ScriptedGenerator(text: "words"))
    let line = #"{"custom_id": "a", "method": "POST", "url": "/v1/embeddings", "body": {"input": ["x", "yz"]}}"#
    let file = try await Self.upload(line, to: server)
    let batch = try await server.send(
      "/v1/batches", ["input_file_id": file["id"] ?? .null, "endpoint": "/v1/embeddings"]
    ).json
    try await Self.run(server) { try await Self.get(batch, on: server)["status"] == "completed" }
    let results = try await Self.results(try await Self.get(batch, on: server)["output_file_id"], server)
    #expect(results[0]["response"]?["body"]?["data"]?.arrayValue?.count == 2)
    #expect(server.generator.requests.allSatisfy { $0.pooling != nil && $0.priority == BatchRunner.priority })
  }

  @Test func filesAndBatchesAreOfTheirSchemas() async throws {
    let server = try TestServer(ScriptedGenerator(text: "words"))
    let file = try await Self.upload(Self.lines(2), to: server)
    let batch = try await Self.create(Self.lines(2), on: server)
    let failed = try await Self.create("no JSON", on: server)
    for (value, shape) in [(file, AnswerShape.file), (batch, .batch), (failed, .batch)] {
      #expect(OpenAPITests.conforms(value, shape.schema), "\(value)")
      #expect(Set(value.objectValue?.keys ?? []) == Set(shape.always.map(\.name)))
    }
    #expect(failed["errors"]?["data"]?.arrayValue?.isEmpty == false)
  }

  @Test(.timeLimit(.minutes(1))) func aBatchGoesOnInTheNextProcessAndAnswersNothingTwice() async throws {
    let state = try ServerState { 1_700_000_000 }
    // The first process answers three lines and hangs in the others until it ends.
    let taken = Recorder(0)
    let first = try TestServer(
      ScriptedGenerator { _ in
        taken.change { $0 += 1 }
        return taken.value > 3 ? nil : [65]
      }, state: state)
    let batch = try await Self.create(Self.lines(6), on: first)
    try await Self.run(first) { try await Self.get(batch, on: first)["request_counts"]?["completed"] == 3 }
    let second = try TestServer(ScriptedGenerator(text: "B"), state: state)
    try await Self.run(second) { try await Self.get(batch, on: second)["status"] == "completed" }
    #expect(second.generator.requests.count == 3)
    let results = try await Self.results(try await Self.get(batch, on: second)["output_file_id"], second)
    #expect(results.map { $0["custom_id"]?.stringValue } == (0..<6).map { "c\($0)" })
    let texts = results.map { $0["response"]?["body"]?["choices"]?[0]?["text"]?.stringValue }
    #expect(texts.filter { $0 == "A" }.count == 3 && texts.filter { $0 == "B" }.count == 3)
  }

  @Test(.timeLimit(.minutes(1))) func cancellingEndsTheLinesUnderWay() async throws {
    let server = try TestServer(ScriptedGenerator { _ in nil })
    let batch = try await Self.create(Self.lines(6), on: server)
    let path = "/v1/batches/\(batch["id"]?.stringValue ?? "")/cancel"
    try await Self.run(server) {
      guard !server.generator.requests.isEmpty else { return false }
      _ = try await server.send(path)
      return try await Self.get(batch, on: server)["status"] == "cancelled"
    }
    let ended = try await Self.get(batch, on: server)
    #expect(ended["output_file_id"] == .null && ended["request_counts"]?["completed"] == 0)
    #expect(try await server.send(path).status == 400)
  }

  @Test func anAnswerIsWrittenOnce() throws {
    let state = try ServerState { 0 }
    let batch = BatchObject(
      id: "b", created: 0, expires: 100, endpoint: "/v1/completions", inputFile: "f", completionWindow: "24h",
      metadata: .null)
    let line = BatchInput.Line(number: 1, customID: "c", body: [])
    try state.batches.add(batch, lines: [line], endpoint: "/v1/completions", tenant: Tenant(name: ""))
    let work = try #require(try state.batches.work(limit: 5, except: []).first)
    #expect(try state.batches.work(limit: 5, except: ["b/1"]).isEmpty)
    try state.batches.answer(work, ["custom_id": "c", "n": 1], failed: false)
    try state.batches.answer(work, ["custom_id": "c", "n": 2], failed: true)
    try state.batches.endFinished(running: [])
    let file = try #require(try state.files.list(purpose: "batch_output", tenant: Tenant(name: "")).first)
    #expect(try state.files.content(file.id, tenant: Tenant(name: "")) == Data("{\"custom_id\":\"c\",\"n\":1}\n".utf8))
    #expect(try state.batches.hasOpen == false)
  }

  @Test func openBatchesTakeTurns() throws {
    let state = try ServerState { 0 }
    for name in ["b0", "b1"] {
      let batch = BatchObject(
        id: name, created: 0, expires: 100, endpoint: "/v1/completions", inputFile: "f", completionWindow: "24h",
        metadata: .null)
      let lines = (1...(name == "b0" ? 50 : 2)).map { BatchInput.Line(number: $0, customID: "c\($0)", body: []) }
      try state.batches.add(batch, lines: lines, endpoint: "/v1/completions", tenant: Tenant(name: name))
    }
    let work = try state.batches.work(limit: 5, except: ["b0/1"])
    #expect(work.map { "\($0.batch)/\($0.line)" } == ["b0/2", "b1/1", "b0/3", "b1/2", "b0/4"])
    try state.batches.cancel("b0")
    #expect(try state.batches.work(limit: 5, except: []).map(\.batch) == ["b1", "b1"])
    try state.batches.endFinished(running: ["b0"])
    #expect(try state.batches.find("b0", tenant: Tenant(name: "b0"))?.status == .cancelling)
    try state.batches.endFinished(running: [])
    #expect(try state.batches.find("b0", tenant: Tenant(name: "b0"))?.status == .cancelled)
  }

  @Test func aBatchThatRunsOutOfTimeTellsWhatWasLeft() throws {
    let time = Recorder(0)
    let state = try ServerState { time.value }
    let tenant = Tenant(name: "")
    let batch = BatchObject(
      id: "b", created: 0, expires: 100, endpoint: "/v1/completions", inputFile: "f", completionWindow: "24h",
      metadata: .null)
    let lines = (1...2).map { BatchInput.Line(number: $0, customID: "c\($0)", body: []) }
    try state.batches.add(batch, lines: lines, endpoint: "/v1/completions", tenant: tenant)
    let work = try #require(try state.batches.work(limit: 1, except: []).first)
    try state.batches.answer(work, ["custom_id": "c1"], failed: false)
    time.change { $0 = 100 }
    #expect(try state.batches.work(limit: 5, except: []).isEmpty)
    try state.batches.endFinished(running: [])
    let ended = try #require(try state.batches.find("b", tenant: tenant))
    #expect(ended.status == .expired)
    #expect(ended.value["request_counts"] == ["total": 2, "completed": 1, "failed": 1])
    let errors = try state.files.content(ended.value["error_file_id"]?.stringValue ?? "", tenant: tenant)
    #expect(String(decoding: errors ?? Data(), as: UTF8.self).contains("batch_expired"))
  }

  @Test func faultyLinesAreNamed() {
    let text = #"""
      {"custom_id": "a", "method": "POST", "url": "/v1/completions", "body": {}}
      nonsense
      {"custom_id": "a", "method": "POST", "url": "/v1/completions", "body": {}}
      {"custom_id": "b", "method": "GET", "url": "/v1/completions", "body": {}}
      {"custom_id": "c", "method": "POST", "url": "/v1/files", "body": {}}
      {"custom_id": "d", "method": "POST", "url": "/v1/completions", "body": {"stream": true}}
      {"method": "POST", "url": "/v1/completions", "body": {}}
      {"custom_id": "e\u0000f", "method": "POST", "url": "/v1/completions", "body": {}}
      """#
    let input = BatchInput(Data(text.utf8), endpoint: "/v1/completions", maxLines: 100)
    #expect(input.faults.map(\.line) == [2, 3, 4, 5, 6, 7, 8])
    #expect(input.lines.map(\.customID) == ["a"])
    #expect(BatchInput(Data(), endpoint: "/v1/completions", maxLines: 1).faults.first?.code == "empty_file")
    let many = BatchInput(Data(Self.lines(3).utf8), endpoint: "/v1/completions", maxLines: 2)
    #expect(many.faults.map(\.code) == ["too_many_tasks"])
  }

  @Test func filesAreBoundedAndExpire() throws {
    let time = Recorder(0)
    var options = StateOptions()
    options.maxTotalFileBytes = 10
    options.fileLifetimeSeconds = 5
    let files = try ServerState(options: options) { time.value }.files, tenant = Tenant(name: "")
    let first = try files.add(Data(count: 8), name: "a", purpose: "batch", tenant: tenant)
    #expect(throws: APIError.self) { try files.add(Data(count: 3), name: "b", purpose: "batch", tenant: tenant) }
    #expect(try files.find(first.id, tenant: Tenant(name: "other")) == nil)
    let result = try files.add(Data(count: 2), name: "r0", purpose: FileStore.results, tenant: tenant)
    _ = try files.add(Data(count: 2), name: "r1", purpose: FileStore.results, tenant: tenant)
    #expect(try files.find(result.id, tenant: tenant) == nil, "results find room in place of older results")
    #expect(try files.find(first.id, tenant: tenant) != nil)
    time.change { $0 = 5 }
    #expect(try files.find(first.id, tenant: tenant) == nil)
    _ = try files.add(Data(count: 10), name: "b", purpose: "batch", tenant: tenant)
  }

  @Test func formsOfOtherSitesAreRefused() async throws {
    let server = try TestServer(ScriptedGenerator(text: "x"))
    let site = try #require(HTTPFields.Element.Name("Sec-Fetch-Site"))
    #expect(try await Self.upload(Self.lines(1), to: server, headers: [site: "cross-site"])["object"] == "error")
    #expect(try await Self.upload(Self.lines(1), to: server, headers: [site: "same-origin"])["object"] == "file")
    let body = Array(#"{"prompt": "hi"}"#.utf8)
    let origin = try #require(HTTPFields.Element.Name("Origin"))
    let form = "application/x-www-form-urlencoded"
    #expect(try await server.send("/v1/completions", bytes: body, headers: [.contentType: form]).status == 200)
    let fromPage = try await server.send(
      "/v1/completions", bytes: body, headers: [.contentType: form, origin: "http://evil.example"])
    #expect(fromPage.status == 400)
  }
}
