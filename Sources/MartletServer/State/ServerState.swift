/// What the server keeps between requests, and the work that goes on without a client.
package struct ServerState: Sendable {
  let database: StateDatabase
  let options: StateOptions
  let tasks = BackgroundTasks()
  let streams: ResumableStreams
  let responses: ResponseStore
  let files: FileStore
  let batches: BatchStore
  let running = RunningResponses()

  /// - Parameter clock: seconds since 1970.
  /// - Throws: when the database cannot be opened.
  package init(options: StateOptions = StateOptions(), clock: @escaping @Sendable () -> Int) throws {
    self.options = options
    database = try StateDatabase(directory: options.directory)
    streams = ResumableStreams(tasks: tasks)
    responses = ResponseStore(database: database, options: options, clock: clock)
    files = FileStore(database: database, options: options, clock: clock)
    batches = BatchStore(database: database, files: files, options: options, clock: clock)
    try responses.failOpen()
  }
}
