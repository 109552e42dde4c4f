internal import GRDB

/// The SQLite database behind responses, files and batches. Calls block for the time of a small transaction.
package struct StateDatabase: Sendable {
  let queue: DatabaseQueue

  /// - Parameter directory: an existing folder that holds the database, which outlives the process; nil: memory.
  package init(directory: String?) throws {
    guard let directory else {
      queue = try DatabaseQueue()
      try migrate()
      return
    }
    var configuration = Configuration()
    configuration.prepareDatabase { database in
      // A write-ahead log with full synchronisation loses nothing that was answered, also when the power goes.
      // A second server must not take this one's work.
      try database.execute(sql: "PRAGMA locking_mode = EXCLUSIVE")
      try database.execute(sql: "PRAGMA journal_mode = WAL")
      try database.execute(sql: "PRAGMA synchronous = FULL")
    }
    queue = try DatabaseQueue(path: directory + "/martlet.sqlite", configuration: configuration)
    try migrate()
  }

  /// `write` for asynchronous callers, whose cancellation must not lose what has been computed.
  func write<Value>(_ body: (Database) throws -> Value) throws -> Value { try queue.write(body) }
  func read<Value>(_ body: (Database) throws -> Value) throws -> Value { try queue.read(body) }

  private func migrate() throws {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("first") { database in
      try database.execute(
        sql: """
          CREATE TABLE response (
            id TEXT PRIMARY KEY, tenant TEXT NOT NULL, expires INTEGER NOT NULL, open INTEGER NOT NULL,
            previous TEXT, bytes INTEGER NOT NULL, json BLOB NOT NULL, input BLOB NOT NULL);
          CREATE INDEX response_size ON response (expires, bytes);
          CREATE TABLE file (
            id TEXT PRIMARY KEY, tenant TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL,
            purpose TEXT NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL, content BLOB NOT NULL);
          CREATE INDEX file_tenant ON file (tenant, created);
          CREATE TABLE batch (
            id TEXT PRIMARY KEY, tenant TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL,
            open INTEGER NOT NULL /* 1: in progress, 2: cancelling */, endpoint TEXT NOT NULL, json BLOB NOT NULL);
          CREATE TABLE batch_line (
            batch TEXT NOT NULL REFERENCES batch (id) ON DELETE CASCADE, line INTEGER NOT NULL,
            custom_id TEXT NOT NULL, body BLOB NOT NULL, answer BLOB, failed INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (batch, line)) WITHOUT ROWID;
          CREATE INDEX batch_line_open ON batch_line (batch, line) WHERE answer IS NULL;
          """)
    }
    try migrator.migrate(queue)
  }
}
