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

  private static let columns = "id, created, expires, purpose, name, bytes"

  let database: StateDatabase
  let options: StateOptions
  /// Seconds since 1970.
  let clock: @Sendable () -> Int

  func add(_ content: Data, name: String, purpose: String, lifetime: Int? = nil, tenant: Tenant) throws -> Entry {
    try database.write { try add(content, name: name, purpose: purpose, lifetime: lifetime, tenant: tenant, in: $0) }
  }

  /// The same inside a transaction. What a batch has computed always finds room.
  func add(
    _ content: Data, name: String, purpose: String, lifetime: Int? = nil, tenant: Tenant, in database: Database
  ) throws -> Entry {
    let now = clock()
    try database.execute(sql: "DELETE FROM file WHERE expires <= ?", arguments: [now])
    let total = try Int.fetchOne(database, sql: "SELECT coalesce(sum(bytes), 0) FROM file") ?? 0
    guard purpose == "batch_output" || total + content.count <= options.maxTotalFileBytes else {
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
