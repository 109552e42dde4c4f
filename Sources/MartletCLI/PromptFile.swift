import Foundation
import Martlet

/// Prompts of a file: JSON Lines (`{"prompt": ...}` or `{"messages": [...]}` a line) or plain text, a prompt a line.
struct PromptFile {
  private struct Line: Decodable {
    struct Message: Decodable {
      let role: String
      let content: String
    }
    let prompt: String?
    let text: String?
    let messages: [Message]?
  }

  let prompts: [Prompt]

  init(path: String) throws {
    let data =
      try path == "-" ? FileHandle.standardInput.readToEnd() ?? Data() : Data(contentsOf: URL(fileURLWithPath: path))
    guard let text = String(data: data, encoding: .utf8) else {
      throw MartletError(.request, "\(path): not UTF-8 text")
    }
    let lines = text.split(whereSeparator: \.isNewline)
    let isJSON = lines.first?.first == "{"
    prompts = try lines.enumerated().map { number, line in
      guard isJSON else { return .text(String(line)) }
      return try Self.prompt(of: line, place: "\(path):\(number + 1)")
    }
  }

  private static func prompt(of line: Substring, place: String) throws -> Prompt {
    let decoded: Line
    do { decoded = try JSONDecoder().decode(Line.self, from: Data(line.utf8)) } catch {
      throw MartletError(.request, "\(place): not a JSON object with \"prompt\" or \"messages\"")
    }
    if let messages = decoded.messages {
      return .chat(
        try messages.map { message in
          guard let role = ChatMessage.Role(rawValue: message.role) else {
            throw MartletError(.request, "\(place): role \"\(message.role)\" is not system, user or assistant")
          }
          return ChatMessage(role: role, content: message.content)
        })
    }
    guard let prompt = decoded.prompt ?? decoded.text else {
      throw MartletError(.request, "\(place): neither \"prompt\" nor \"messages\"")
    }
    return .text(prompt)
  }
}
