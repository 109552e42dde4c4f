import Foundation
import Hummingbird
import MartletCore
import MartletText
import Testing

@testable import MartletServer

@Suite struct ResponseStoreTests {
  private static let tenant = Tenant(name: "a")

  private static func store(
    clock: @escaping @Sendable () -> Int = { 0 }, change: (inout StateOptions) -> Void = { _ in }
  ) throws -> ResponseStore {
    var options = StateOptions()
    change(&options)
    return try ServerState(options: options, clock: clock).responses
  }

  private static func entry(
    _ id: String, status: ResponseObject.Status = .completed, input: String = "", previous: String? = nil
  ) throws -> ResponseStore.Entry {
    var response = ResponseObject(id: id, created: 0, model: "m", fields: try RequestFields([:]))
    response.status = status
    return ResponseStore.Entry(
      response: response, input: [["type": "message", "content": .string(input)]], previous: previous)
  }

  @Test func theOldestGoWhenThereAreTooMany() throws {
    let store = try Self.store(change: { $0.maxResponses = 3 })
    for index in 0..<5 { try store.save(Self.entry("r\(index)"), tenant: Self.tenant) }
    let found = try (0..<5).map { try store.find("r\($0)", tenant: Self.tenant) != nil }
    #expect(found == [false, false, true, true, true])
  }

  @Test func bytesAreBounded() throws {
    let store = try Self.store(change: { $0.maxResponseBytes = 50_000 })
    for index in 0..<10 {
      try store.save(Self.entry("r\(index)", input: String(repeating: "x", count: 10_000)), tenant: Self.tenant)
    }
    let kept = try (0..<10).filter { try store.find("r\($0)", tenant: Self.tenant) != nil }
    #expect(kept == [6, 7, 8, 9])
  }

  @Test func openResponsesStayWhileOthersGo() throws {
    let store = try Self.store(change: { $0.maxResponses = 1 })
    try store.save(Self.entry("open", status: .inProgress), tenant: Self.tenant)
    try store.save(Self.entry("closed"), tenant: Self.tenant)
    #expect(try store.find("open", tenant: Self.tenant) != nil)
    #expect(try store.find("closed", tenant: Self.tenant) == nil)
  }

  @Test func responsesExpire() throws {
    let time = Recorder(1000)
    let store = try Self.store(clock: { time.value }, change: { $0.responseLifetimeSeconds = 10 })
    try store.save(Self.entry("r"), tenant: Self.tenant)
    time.change { $0 = 1009 }
    #expect(try store.find("r", tenant: Self.tenant) != nil)
    time.change { $0 = 1010 }
    #expect(try store.find("r", tenant: Self.tenant) == nil)
  }

  @Test func aTenantSeesItsOwnOnly() throws {
    let store = try Self.store(), other = Tenant(name: "b")
    try store.save(Self.entry("r"), tenant: Self.tenant)
    #expect(try store.find("r", tenant: other) == nil)
    #expect(try store.delete("r", tenant: other) == false)
    #expect(throws: APIError.self) { try store.conversation(endingWith: "r", tenant: other) }
    #expect(try store.delete("r", tenant: Self.tenant))
  }

  @Test func aConversationHasAllTurnsInOrder() throws {
    let store = try Self.store()
    try store.save(Self.entry("r0", input: "0"), tenant: Self.tenant)
    try store.save(Self.entry("r1", input: "1", previous: "r0"), tenant: Self.tenant)
    try store.save(Self.entry("r2", input: "2", previous: "r1"), tenant: Self.tenant)
    let items = try store.conversation(endingWith: "r2", tenant: Self.tenant)
    #expect(items.map { $0["content"]?.stringValue } == ["0", "1", "2"])
    // A response that names itself does not run for ever.
    try store.save(Self.entry("loop", previous: "loop"), tenant: Self.tenant)
    #expect(throws: InvalidField.self) { try store.conversation(endingWith: "loop", tenant: Self.tenant) }
  }

  @Test func aFolderKeepsThemAndOpenOnesHaveFailed() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var options = StateOptions()
    options.directory = folder
    do {
      let store = try ServerState(options: options) { 0 }.responses
      try store.save(Self.entry("done"), tenant: Self.tenant)
      try store.save(Self.entry("open", status: .inProgress), tenant: Self.tenant)
      #expect(throws: (any Error).self, "a second server is kept out") { try ServerState(options: options) { 0 } }
    }
    let store = try ServerState(options: options) { 0 }.responses
    #expect(try store.find("done", tenant: Self.tenant)?.response.status == .completed)
    #expect(try store.find("open", tenant: Self.tenant)?.response.status == .failed)
  }

  @Test func keysAreNotWrittenDown() throws {
    var options = HTTPOptions()
    options.apiKey = "secret"
    let request = TestServer.request(headers: [.authorization: "Bearer secret"])
    let tenant = Tenant(request, options: options)
    #expect(!tenant.name.isEmpty && !tenant.name.contains("secret"))
    #expect(tenant == Tenant(request, options: options))
    #expect(tenant != Tenant(TestServer.request(headers: [.authorization: "Bearer secret2"]), options: options))
  }
}
