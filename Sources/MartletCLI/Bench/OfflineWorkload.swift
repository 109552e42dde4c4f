import ArgumentParser

/// What `martlet bench offline` can time.
enum OfflineWorkload: String, CaseIterable, ExpressibleByArgument {
  case decode
  case prefill
  case firstToken = "first-token"
  case prefix
  case throughput
}
