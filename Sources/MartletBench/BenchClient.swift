package import AsyncHTTPClient
package import MartletText
import NIOCore
import NIOHTTP1

/// Sends requests of a load to a server and times their streams.
package struct BenchClient: Sendable {
  let backend: BenchBackend
  let baseURL: String
  let model: String
  let apiKey: String?
  let ignoresEnd: Bool
  let extra: JSONObject
  let http: HTTPClient
  /// When the load began.
  package let origin: ContinuousClock.Instant

  package init(
    backend: BenchBackend, baseURL: String, model: String, apiKey: String?, ignoresEnd: Bool, extra: JSONObject,
    http: HTTPClient
  ) {
    self.backend = backend
    self.baseURL = baseURL
    self.model = model
    self.apiKey = apiKey
    self.ignoresEnd = ignoresEnd
    self.extra = extra
    self.http = http
    origin = .now
  }

  package func run(_ prompt: BenchPrompt) async -> BenchOutcome {
    var outcome = BenchOutcome()
    let started = ContinuousClock.now
    outcome.start = (started - origin) / .seconds(1)
    do {
      try await stream(prompt, started: started, into: &outcome)
      if outcome.error == nil, outcome.firstToken == nil { outcome.error = "the answer had no text" }
    } catch {
      outcome.error = "\(error)"
    }
    outcome.latency = (ContinuousClock.now - started) / .seconds(1)
    return outcome
  }

  @concurrent
  private func stream(
    _ prompt: BenchPrompt, started: ContinuousClock.Instant, into outcome: inout BenchOutcome
  ) async throws {
    guard let body = backend.body(prompt, model: model, ignoresEnd: ignoresEnd, extra: extra) else {
      outcome.error = "this backend takes text only: give --tokenizer"
      return
    }
    var bytes: [UInt8] = []
    body.write(to: &bytes)
    var request = HTTPClientRequest(url: baseURL + backend.path)
    request.method = .POST
    request.headers.add(name: "Content-Type", value: "application/json")
    if let apiKey { request.headers.add(name: "Authorization", value: "Bearer \(apiKey)") }
    request.body = .bytes(bytes)
    let response = try await http.execute(request, timeout: .hours(6))
    guard response.status == .ok else {
      let text = String(buffer: try await response.body.collect(upTo: 1 << 16))
      outcome.error = "\(response.status.code): \(text)"
      return
    }
    var frames = EventFrames()
    var last = started
    for try await buffer in response.body {
      for payload in frames.append(buffer.readableBytesView) where !payload.elementsEqual("[DONE]".utf8) {
        guard backend.read(try JSONValue(parsing: payload), into: &outcome) else { continue }
        let now = ContinuousClock.now
        if outcome.firstToken == nil {
          outcome.firstToken = (now - started) / .seconds(1)
        } else {
          outcome.gaps.append((now - last) / .seconds(1))
        }
        last = now
      }
    }
  }

  /// Empties a Martlet or SGLang server's prefix cache.
  package func flushCache() async throws {
    var request = HTTPClientRequest(url: baseURL + "/flush_cache")
    request.method = .POST
    if let apiKey { request.headers.add(name: "Authorization", value: "Bearer \(apiKey)") }
    _ = try await http.execute(request, timeout: .seconds(30)).body.collect(upTo: 1 << 16)
  }
}
