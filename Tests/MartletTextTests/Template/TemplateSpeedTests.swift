import Foundation
import MartletText
import Testing

/// The time of rendering grows with the conversation, not with its square.
@Suite struct TemplateSpeedTests {
  private static let folder = Bundle.module.resourceURL?.appendingPathComponent("Goldens/templates")

  private static var templates: [URL] {
    let files = folder.flatMap { try? FileManager.default.contentsOfDirectory(at: $0, includingPropertiesForKeys: nil) }
    return (files ?? []).filter { $0.lastPathComponent.hasPrefix("chat-") }
  }

  private static func conversation(_ count: Int) -> JSONObject {
    let messages = (0..<count).map { index in
      JSONValue.object(
        JSONObject([
          ("role", .string(index % 2 == 0 ? "user" : "assistant")),
          (
            "content",
            .string("<think>hm</think>Message \(index): " + String(repeating: "some words of text ", count: 20))
          ),
        ]))
    }
    return JSONObject([
      ("messages", .array(messages)), ("add_generation_prompt", .bool(true)), ("bos_token", .string("<s>")),
      ("eos_token", .string("</s>")),
    ])
  }

  /// Seconds of this thread's processor time, the least of some runs.
  private static func seconds(_ template: ChatTemplate, _ context: JSONObject) throws -> Double {
    var least = Double.infinity
    for _ in 0..<5 {
      let start = processorNanoseconds()
      _ = try template.render(context)
      least = min(least, Double(processorNanoseconds() - start) / 1e9)
    }
    return least
  }

  private static func processorNanoseconds() -> Int {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }

  @Test(arguments: templates) func twoHundredMessagesTakeLinearTime(file: URL) throws {
    let golden = try JSONValue(parsing: Array(Data(contentsOf: file)))
    let template = try ChatTemplate(source: try #require(golden["template"]?.stringValue))
    let short = try Self.seconds(template, Self.conversation(51))
    let long = try Self.seconds(template, Self.conversation(201))
    // Four times the messages: 4 is linear, 16 quadratic. Gemma 4's template itself scans all earlier messages for each.
    let limit: Double = file.lastPathComponent.contains("gemma-4") ? 16 : 8
    #expect(long < short * limit, "\(short) s for 51 messages, \(long) s for 201")
  }
}
