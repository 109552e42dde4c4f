import Foundation
import GRDB
import Hummingbird
import MartletCore
import MartletText

/// Responses that clients can ask for again, bounded in number, bytes and time; the oldest go first. Each is seen by its
/// tenant alone. Calls block for a small transaction.
struct ResponseStore: Sendable {
  /// A response with the input items of its own request.
  struct Entry: Sendable {
    let response: ResponseObject
    let input: [JSONValue]
    let previous: String?
    /// What it takes in the store.
    var bytes = 0
  }

  private static let maxChain = 1000
  private static let maxChainBytes = 32 << 20

  let database: StateDatabase
  let options: StateOptions
  /// Seconds since 1970.
  let clock: @Sendable () -> Int

  /// Writes a response, in place of an earlier state of it.
  func save(_ entry: Entry, tenant: Tenant) throws {
    let json = entry.response.value.serialized(), input = JSONValue.array(entry.input).serialized()
    let isOpen = [.queued, .inProgress].contains(entry.response.status)
    let now = clock()
    try database.write { database in
      try database.execute(
        sql: """
          INSERT OR REPLACE INTO response (id, tenant, expires, open, previous, bytes, json, input)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          entry.response.id, tenant.name, now + options.responseLifetimeSeconds, isOpen, entry.previous,
          json.count + input.count, Data(json), Data(input),
        ])
      try purge(database, now: now)
    }
  }

  func find(_ id: String, tenant: Tenant) throws -> Entry? {
    try database.read { try entry($0, id, tenant) }
  }

  /// False when there was none.
  func delete(_ id: String, tenant: Tenant) throws -> Bool {
    try database.write { database in
      try database.execute(sql: "DELETE FROM response WHERE id = ? AND tenant = ?", arguments: [id, tenant.name])
      return database.changesCount > 0
    }
  }

  /// The items of a response and of all before it, from the first on.
  /// - Throws: an error that names the response which is not there.
  func conversation(endingWith id: String, tenant: Tenant) throws -> [JSONValue] {
    try database.read { database in
      var turns: [[JSONValue]] = [], bytes = 0
      var next: String? = id
      while let id = next {
        guard let entry = try entry(database, id, tenant) else {
          throw APIError(
            .notFound, "Previous response with id '\(id)' not found.", field: "previous_response_id",
            code: "previous_response_not_found")
        }
        guard ![.queued, .inProgress].contains(entry.response.status) else {
          throw InvalidField(field: "previous_response_id", reason: "names a response that has not ended")
        }
        turns.append(entry.input + entry.response.output)
        bytes += entry.bytes
        guard turns.count <= Self.maxChain, bytes <= Self.maxChainBytes else {
          throw InvalidField(
            field: "previous_response_id",
            reason: "has more than \(Self.maxChain) responses or \(Self.maxChainBytes) bytes before it")
        }
        next = entry.previous
      }
      return turns.reversed().flatMap { $0 }
    }
  }

  /// Marks responses that an earlier process left open as failed.
  func failOpen() throws {
    try database.write { database in
      for row in try Row.fetchAll(database, sql: "SELECT id, json FROM response WHERE open") {
        let id: String = row["id"]
        let stored: Data = row["json"]
        var response = try ResponseObject(id: id, stored: Array(stored))
        response.fail("the server stopped while it wrote this response")
        try database.execute(
          sql: "UPDATE response SET open = 0, json = ? WHERE id = ?",
          arguments: [Data(response.value.serialized()), id])
      }
    }
  }

  private func entry(_ database: Database, _ id: String, _ tenant: Tenant) throws -> Entry? {
    let sql = "SELECT json, input, previous FROM response WHERE id = ? AND tenant = ? AND expires > ?"
    guard let row = try Row.fetchOne(database, sql: sql, arguments: [id, tenant.name, clock()]) else { return nil }
    let json: Data = row["json"], input: Data = row["input"]
    return Entry(
      response: try ResponseObject(id: id, stored: Array(json)),
      input: try JSONValue(parsing: Array(input)).arrayValue ?? [], previous: row["previous"],
      bytes: json.count + input.count)
  }

  private func purge(_ database: Database, now: Int) throws {
    try database.execute(sql: "DELETE FROM response WHERE expires <= ?", arguments: [now])
    let sql = "SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes FROM response"
    guard let row = try Row.fetchOne(database, sql: sql) else { return }
    var count: Int = row["count"], bytes: Int = row["bytes"]
    guard count > options.maxResponses || bytes > options.maxResponseBytes else { return }
    let oldest = try Row.fetchAll(
      database, sql: "SELECT rowid, bytes FROM response WHERE NOT open ORDER BY expires, rowid LIMIT 1000")
    for row in oldest where count > options.maxResponses || bytes > options.maxResponseBytes {
      let rowID: Int64 = row["rowid"], size: Int = row["bytes"]
      try database.execute(sql: "DELETE FROM response WHERE rowid = ?", arguments: [rowID])
      count -= 1
      bytes -= size
    }
  }
}
