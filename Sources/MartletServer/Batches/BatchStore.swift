import Foundation
import GRDB
import Hummingbird
import MartletText

/// Batches and their lines. A line's answer is written once, and the files when all lines have one, each in a
/// transaction: a process that is killed at any time goes on where it was. Calls block for a transaction.
struct BatchStore: Sendable {
  struct Work: Sendable {
    let batch: String
    let tenant: Tenant
    let endpoint: String
    let line: Int
    let customID: String
    let body: [UInt8]
  }

  private static let columns = "batch.id AS id, batch.json AS json"

  let database: StateDatabase
  let files: FileStore
  let options: StateOptions
  /// Seconds since 1970.
  let clock: @Sendable () -> Int

  /// Writes a new batch with its lines; none for one that has failed already.
  func add(_ batch: BatchObject, lines: [BatchInput.Line], endpoint: String, tenant: Tenant) throws {
    try database.write { database in
      let open = try Int.fetchOne(database, sql: "SELECT count(*) FROM batch WHERE open") ?? 0
      guard !batch.status.isOpen || open < options.maxOpenBatches else {
        throw APIError(.tooManyRequests, "\(open) batches are open: wait until one has ended")
      }
      let waiting = try Int.fetchOne(database, sql: "SELECT coalesce(sum(length(body)), 0) FROM batch_line") ?? 0
      guard waiting + lines.reduce(0, { $0 + $1.body.count }) <= options.maxTotalFileBytes else {
        throw APIError(.tooManyRequests, "the open batches fill the room for files: wait until one has ended")
      }
      let now = clock()
      try database.execute(
        sql: "DELETE FROM batch WHERE NOT open AND created <= ?", arguments: [now - options.fileLifetimeSeconds])
      try database.execute(
        sql: "INSERT INTO batch (id, tenant, created, expires, open, endpoint, json) VALUES (?, ?, ?, ?, ?, ?, ?)",
        arguments: [
          batch.id, tenant.name, now, batch.expires, batch.status.isOpen ? 1 : 0, endpoint,
          Data(batch.value.serialized()),
        ])
      let insert = try database.makeStatement(
        sql: "INSERT INTO batch_line (batch, line, custom_id, body) VALUES (?, ?, ?, ?)")
      for line in lines {
        try insert.execute(arguments: [batch.id, line.number, line.customID, Data(line.body)])
      }
    }
  }

  func find(_ id: String, tenant: Tenant) throws -> BatchObject? {
    try database.read { database in
      try Row.fetchOne(
        database, sql: "SELECT \(Self.columns) FROM batch WHERE id = ? AND tenant = ?", arguments: [id, tenant.name]
      ).map { try counted(Self.object($0), database) }
    }
  }

  /// The tenant's batches, the oldest first.
  func list(tenant: Tenant) throws -> [BatchObject] {
    try database.read { database in
      try Row.fetchAll(
        database, sql: "SELECT \(Self.columns) FROM batch WHERE tenant = ? ORDER BY created, rowid",
        arguments: [tenant.name]
      ).map { try counted(Self.object($0), database) }
    }
  }

  /// Makes an open batch take no further line; others are left as they are.
  func cancel(_ id: String) throws {
    try database.write { database in
      guard
        let row = try Row.fetchOne(
          database, sql: "SELECT \(Self.columns) FROM batch WHERE id = ? AND open = 1", arguments: [id])
      else { return }
      var batch = try Self.object(row)
      batch.enter(.cancelling, at: clock())
      try database.execute(
        sql: "UPDATE batch SET open = 2, json = ? WHERE id = ?", arguments: [Data(batch.value.serialized()), id])
    }
  }

  var hasOpen: Bool {
    get throws {
      try database.read { try Bool.fetchOne($0, sql: "SELECT EXISTS (SELECT 1 FROM batch WHERE open)") ?? false }
    }
  }

  /// Lines without an answer, the open batches taking turns.
  /// - Parameter running: lines under way, as `batch/line`.
  /// - Complexity: O(open batches * (limit + running)).
  func work(limit: Int, except running: Set<String>) throws -> [Work] {
    try database.read { database in
      let batches = try Row.fetchAll(
        database, sql: "SELECT id, tenant, endpoint FROM batch WHERE open = 1 AND expires > ? ORDER BY created, rowid",
        arguments: [clock()])
      let lines = try batches.map { batch -> [Int] in
        let id: String = batch["id"]
        return try Int.fetchAll(
          database, sql: "SELECT line FROM batch_line WHERE batch = ? AND answer IS NULL ORDER BY line LIMIT ?",
          arguments: [id, limit + running.count]
        ).filter { !running.contains("\(id)/\($0)") }
      }
      var work: [Work] = []
      for turn in 0..<limit {
        for (batch, lines) in zip(batches, lines) where turn < lines.count && work.count < limit {
          if let next = try self.work(batch, lines[turn], database) { work.append(next) }
        }
      }
      return work
    }
  }

  private func work(_ batch: Row, _ line: Int, _ database: Database) throws -> Work? {
    let id: String = batch["id"]
    let sql = "SELECT custom_id, body FROM batch_line WHERE batch = ? AND line = ?"
    guard let row = try Row.fetchOne(database, sql: sql, arguments: [id, line]) else { return nil }
    let body: Data = row["body"]
    return Work(
      batch: id, tenant: Tenant(name: batch["tenant"]), endpoint: batch["endpoint"], line: line,
      customID: row["custom_id"], body: Array(body))
  }

  /// Writes a line's answer, the line of the output or error file; the first one stays.
  func answer(_ work: Work, _ line: JSONValue, failed: Bool) throws {
    try database.write { database in
      try database.execute(
        sql: "UPDATE batch_line SET answer = ?, failed = ? WHERE batch = ? AND line = ? AND answer IS NULL",
        arguments: [Data(line.serialized()), failed, work.batch, work.line])
    }
  }

  /// Ends batches that are answered, cancelled or out of time, and writes their files.
  /// - Parameter running: batches that have lines under way.
  func endFinished(running: Set<String>) throws {
    let now = clock()
    let open = try database.read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT \(Self.columns), tenant, EXISTS (SELECT 1 FROM batch_line WHERE batch = batch.id AND answer IS NULL) AS left
          FROM batch WHERE open
          """)
    }
    for row in open {
      let batch = try Self.object(row), hasLines: Bool = row["left"]
      guard !running.contains(batch.id) else { continue }
      if batch.status == .cancelling {
        try end(batch, .cancelled, Tenant(name: row["tenant"]), now)
      } else if !hasLines {
        try end(batch, .completed, Tenant(name: row["tenant"]), now)
      } else if batch.expires <= now {
        try end(batch, .expired, Tenant(name: row["tenant"]), now)
      }
    }
  }

  private func end(_ batch: BatchObject, _ status: BatchObject.Status, _ tenant: Tenant, _ now: Int) throws {
    try database.write { try end(batch, status, tenant, now, $0) }
  }

  private func end(
    _ batch: BatchObject, _ status: BatchObject.Status, _ tenant: Tenant, _ now: Int, _ database: Database
  ) throws {
    var batch = batch
    if status == .expired { try expireLines(batch.id, database) }
    batch.setFiles(
      output: try file(batch.id, failed: false, tenant, database),
      errors: try file(batch.id, failed: true, tenant, database))
    batch = try counted(batch, database)
    batch.enter(status, at: now)
    try database.execute(
      sql: "UPDATE batch SET open = 0, json = ? WHERE id = ?", arguments: [Data(batch.value.serialized()), batch.id])
    // The files hold the answers now; the rows go, their counts are in the object.
    try database.execute(sql: "DELETE FROM batch_line WHERE batch = ?", arguments: [batch.id])
  }

  private func expireLines(_ id: String, _ database: Database) throws {
    let rows = try Row.fetchAll(
      database, sql: "SELECT line, custom_id FROM batch_line WHERE batch = ? AND answer IS NULL", arguments: [id])
    for row in rows {
      let line: JSONValue = [
        "id": .string(Identifier.make("batch_req_")), "custom_id": .string(row["custom_id"]), "response": .null,
        "error": ["code": "batch_expired", "message": "This request could not be executed before the batch expired."],
      ]
      let number: Int = row["line"]
      try database.execute(
        sql: "UPDATE batch_line SET answer = ?, failed = 1 WHERE batch = ? AND line = ?",
        arguments: [Data(line.serialized()), id, number])
    }
  }

  /// The id of a new file with the answers of one kind; nil when there are none.
  private func file(_ id: String, failed: Bool, _ tenant: Tenant, _ database: Database) throws -> String? {
    var content = Data()
    let answers = try Data.fetchCursor(
      database,
      sql: "SELECT answer FROM batch_line WHERE batch = ? AND failed = ? AND answer IS NOT NULL ORDER BY line",
      arguments: [id, failed])
    while let answer = try answers.next() {
      content.append(answer)
      content.append(0x0A)
    }
    guard !content.isEmpty else { return nil }
    return try files.add(
      content, name: "\(id)_\(failed ? "error" : "output").jsonl", purpose: FileStore.results, tenant: tenant,
      in: database
    ).id
  }

  private func counted(_ batch: BatchObject, _ database: Database) throws -> BatchObject {
    guard batch.status.isOpen else { return batch }
    var batch = batch
    let sql = """
      SELECT count(*) AS total, count(answer) AS answered, coalesce(sum(failed), 0) AS failed
      FROM batch_line WHERE batch = ?
      """
    guard let row = try Row.fetchOne(database, sql: sql, arguments: [batch.id]) else { return batch }
    let answered: Int = row["answered"], failed: Int = row["failed"]
    batch.count(total: row["total"], completed: answered - failed, failed: failed)
    return batch
  }

  private static func object(_ row: Row) throws -> BatchObject {
    let json: Data = row["json"]
    return try BatchObject(id: row["id"], stored: Array(json))
  }
}
