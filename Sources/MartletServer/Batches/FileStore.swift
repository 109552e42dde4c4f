import Foundation
import GRDB
import Hummingbird
import MartletText

/// Clients' files, bounded in bytes and time. Each is seen by its tenant alone. Calls block for a transaction.
struct FileStore: Sendable {
  struct Entry: Sendable {
    let id: String
    let created: Int
    let expires: Int
    let purpose: String
    let name: String
    let bytes: Int

    var json: JSONValue {
      [
        "id": .string(id), "object": "file", "bytes": .int(Int64(bytes)), "created_at": .int(Int64(created)),
        "expires_at": .int(Int64(expires)), "filename": .string(name), "purpose": .string(purpose),
        "status": "processed", "status_details": .null,
      ]
    }
  }

  /// The purpose of what batches write.
  static let results = "batch_output"
  private static let columns = "id, created, expires, purpose, name, bytes"

  let database: StateDatabase
  let options: StateOptions
  /// Seconds since 1970.
  let clock: @Sendable () -> Int

  func add(_ content: Data, name: String, purpose: String, lifetime: Int? = nil, tenant: Tenant) throws -> Entry {
    try database.write { try add(content, name: name, purpose: purpose, lifetime: lifetime, tenant: tenant, in: $0) }
  }

  /// The same inside a transaction. What a batch has computed finds room in any case: the oldest results go.
  func add(
    _ content: Data, name: String, purpose: String, lifetime: Int? = nil, tenant: Tenant, in database: Database
  ) throws -> Entry {
    let now = clock()
    try database.execute(sql: "DELETE FROM file WHERE expires <= ?", arguments: [now])
    let total = try Int.fetchOne(database, sql: "SELECT coalesce(sum(bytes), 0) FROM file") ?? 0
    if purpose == Self.results {
      try makeRoom(total + content.count - options.maxTotalFileBytes, in: database)
    } else if total + content.count > options.maxTotalFileBytes {
      throw APIError(.contentTooLarge, "the server's room for files is full: delete files first", field: "file")
    }
    let entry = Entry(
      id: Identifier.make("file-"), created: now, expires: now + (lifetime ?? options.fileLifetimeSeconds),
      purpose: purpose, name: name, bytes: content.count)
    try database.execute(
      sql: "INSERT INTO file (\(Self.columns), tenant, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      arguments: [entry.id, entry.created, entry.expires, purpose, name, entry.bytes, tenant.name, content])
    return entry
  }

  /// Deletes the oldest results until `excess` bytes are free.
  private func makeRoom(_ excess: Int, in database: Database) throws {
    guard excess > 0 else { return }
    var excess = excess
    let sql = "SELECT id, bytes FROM file WHERE purpose = ? ORDER BY created, rowid"
    for row in try Row.fetchAll(database, sql: sql, arguments: [Self.results]) where excess > 0 {
      let id: String = row["id"], bytes: Int = row["bytes"]
      try database.execute(sql: "DELETE FROM file WHERE id = ?", arguments: [id])
      excess -= bytes
    }
  }

  func find(_ id: String, tenant: Tenant) throws -> Entry? {
    try database.read { database in
      try Row.fetchOne(
        database, sql: "SELECT \(Self.columns) FROM file WHERE id = ? AND tenant = ? AND expires > ?",
        arguments: [id, tenant.name, clock()]
      ).map(Self.entry)
    }
  }

  func content(_ id: String, tenant: Tenant) throws -> Data? {
    try database.read { database in
      try Data.fetchOne(
        database, sql: "SELECT content FROM file WHERE id = ? AND tenant = ? AND expires > ?",
        arguments: [id, tenant.name, clock()])
    }
  }

  /// The tenant's files, the oldest first.
  func list(purpose: String?, tenant: Tenant) throws -> [Entry] {
    try database.read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT \(Self.columns) FROM file WHERE tenant = ? AND expires > ? AND (? IS NULL OR purpose = ?)
          ORDER BY created, rowid
          """, arguments: [tenant.name, clock(), purpose, purpose]
      ).map(Self.entry)
    }
  }

  /// False when there was none.
  func delete(_ id: String, tenant: Tenant) throws -> Bool {
    try database.write { database in
      try database.execute(sql: "DELETE FROM file WHERE id = ? AND tenant = ?", arguments: [id, tenant.name])
      return database.changesCount > 0
    }
  }

  private static func entry(_ row: Row) -> Entry {
    Entry(
      id: row["id"], created: row["created"], expires: row["expires"], purpose: row["purpose"], name: row["name"],
      bytes: row["bytes"])
  }
}
