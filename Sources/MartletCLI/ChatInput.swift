import Foundation

/// A line typed into `martlet chat`.
enum ChatInput: Equatable {
  case empty, quit, help, clear, retry, stats
  case system(String)
  case unknown(String)
  case message(String)

  init(_ line: String) {
    let text = line.trimmingCharacters(in: .whitespaces)
    guard text.hasPrefix("/") else {
      self = text.isEmpty ? .empty : .message(line)
      return
    }
    let parts = text.split(separator: " ", maxSplits: 1)
    switch parts[0] {
    case "/quit", "/exit", "/q": self = .quit
    case "/help", "/?": self = .help
    case "/clear", "/reset": self = .clear
    case "/retry": self = .retry
    case "/stats": self = .stats
    case "/system": self = .system(parts.count > 1 ? String(parts[1]) : "")
    default: self = .unknown(String(parts[0]))
    }
  }
}
