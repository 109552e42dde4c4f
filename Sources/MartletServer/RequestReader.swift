import Hummingbird
import MartletCore
import MartletText

/// Reads request bodies and what surrounds them.
struct RequestReader: Sendable {
  let options: HTTPOptions
  let workers: TextWorkers
  /// The priority of all requests, in place of what they ask for.
  var fixedPriority: Int?

  /// The place of a request among the waiting; 0 where priorities are off.
  func priority(_ fields: RequestFields) throws(InvalidField) -> Int {
    let priority = try fields.integer("priority", in: -1_000_000...1_000_000) ?? 0
    return fixedPriority ?? (options.honorsPriority ? priority : 0)
  }

  /// Reads a request and makes of its fields what a route needs. Parsing and `make` run on the text workers.
  func prepare<Value: Sendable>(
    _ request: Request, _ make: @Sendable (RequestFields, CacheNamespace) throws -> Value
  ) async throws -> Value {
    let bytes = try await body(request)
    return try await workers.run {
      let fields = try RequestFields(try JSONValue(parsing: bytes))
      return try make(fields, try namespace(request, fields))
    }
  }

  private func body(_ incoming: Request) async throws -> [UInt8] {
    var request = incoming
    let type = request.headers[.contentType]?.split(separator: ";").first.map { $0.lowercased() }
    // What curl sends without being told. A browser could send it too, from a form on any site.
    let isPlainClient = (type == nil || type == "application/x-www-form-urlencoded") && !request.isFromBrowser
    guard type == "application/json" || isPlainClient else {
      throw APIError(.badRequest, "Content-Type must be application/json, got \(type ?? "none")")
    }
    do {
      return Array(try await request.collectBody(upTo: options.maxBodyBytes).readableBytesView)
    } catch let error as HTTPError where error.status == .contentTooLarge {
      throw APIError(.contentTooLarge, "the body is larger than \(options.maxBodyBytes) bytes")
    }
  }

  /// The cache namespace of a request: the key that it came with and the salts that it carries.
  private func namespace(_ request: Request, _ fields: RequestFields) throws(InvalidField) -> CacheNamespace {
    var name = ""
    if options.apiKey != nil || options.adminAPIKey != nil, let key = KeyMiddleware<ServerContext>.key(request) {
      name = "key=\(key.utf8.count):\(key)"
    }
    for key in ["cache_salt", "extra_key"] {
      if let salt = try fields.string(key) { name += "\n\(key)=\(salt.utf8.count):\(salt)" }
    }
    return CacheNamespace(name)
  }
}
