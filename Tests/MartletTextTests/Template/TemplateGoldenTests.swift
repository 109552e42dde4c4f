import Foundation
import MartletText
import Testing

/// Snippets over the whole language and real chat templates, with what jinja2 makes of them
/// (`scripts/goldens/templates_goldens.py`). MARTLET_TEST_ASSETS names a folder of more chat templates.
@Suite struct TemplateGoldenTests {
  /// 2024-07-26 15:04:05.
  private static let now = TemplateClock.fixed(1_722_006_245)

  private static let folder = Bundle.module.resourceURL?.appendingPathComponent("Goldens/templates")

  private static func json(_ file: URL) throws -> JSONValue { try JSONValue(parsing: Array(Data(contentsOf: file))) }

  private static var chatTemplates: [URL] {
    let more = ProcessInfo.processInfo.environment["MARTLET_TEST_ASSETS"].map { URL(fileURLWithPath: $0) }
    return [folder, more].compactMap { $0 }.flatMap { folder in
      ((try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? [])
        .filter { $0.lastPathComponent.hasPrefix("chat-") && $0.pathExtension == "json" }
    }
  }

  private func check(_ name: String, _ expected: JSONValue, _ render: () throws(TemplateError) -> String) {
    let outcome: Result<String, TemplateError>
    do { outcome = .success(try render()) } catch { outcome = .failure(error) }
    switch (outcome, expected["expected"]?.stringValue) {
    case (.success(let text), let wanted?):
      // Swift's == takes canonically equivalent texts for the same.
      guard !text.utf8.elementsEqual(wanted.utf8) else { return }
      let same = zip(text.unicodeScalars, wanted.unicodeScalars).prefix { $0 == $1 }.count
      Issue.record(
        """
        \(name)
        same for \(same)
        is   \(String(text.unicodeScalars.dropFirst(max(0, same - 40)).prefix(160)).debugDescription)
        want \(String(wanted.unicodeScalars.dropFirst(max(0, same - 40)).prefix(160)).debugDescription)
        """)
    case (.success(let text), nil):
      Issue.record(
        "\(name)\nmust fail (\(expected["error"]?.stringValue ?? "")), is \(text.prefix(120).debugDescription)")
    case (.failure(let error), let wanted?):
      Issue.record(
        "\(name)\nfails at \(error.line):\(error.column): \(error.message)\nwant \(wanted.prefix(160).debugDescription)"
      )
    case (.failure(let error), nil): #expect(error.line >= 1 && error.column >= 1)
    }
  }

  /// `gaps.json` lists the snippets that cannot be the same, with reasons; one that is must leave the list.
  @Test func snippetsRenderAsInTheReference() throws {
    let folder = try #require(Self.folder)
    let golden = try Self.json(folder.appendingPathComponent("snippets.json"))
    let listed = try #require(try Self.json(folder.appendingPathComponent("gaps.json")).arrayValue)
    let gaps = Set(listed.compactMap { $0["template"]?.stringValue })
    #expect(listed.allSatisfy { $0["reason"]?.stringValue?.isEmpty == false })
    let context = try #require(golden["context"]?.objectValue), cases = try #require(golden["cases"]?.arrayValue)
    #expect(cases.count > 400)
    #expect(gaps.count < 20)
    for item in cases {
      let source = try #require(item["template"]?.stringValue)
      func compare() {
        check(source, item) { () throws(TemplateError) in
          try ChatTemplate(source: source).render(context, now: Self.now)
        }
      }
      if gaps.contains(source) {
        withKnownIssue("\(source)") { compare() }
      } else {
        compare()
      }
    }
  }

  @Test func thereAreChatTemplates() { #expect(Self.chatTemplates.count >= 20) }

  @Test(arguments: chatTemplates) func conversationsRenderAsInTheReference(file: URL) throws {
    let conversations = try Self.json(try #require(Self.folder).appendingPathComponent("conversations.json"))
    let golden = try Self.json(file)
    let source = try #require(golden["template"]?.stringValue)
    for item in try #require(golden["cases"]?.arrayValue) {
      let name = try #require(item["conversation"]?.stringValue)
      let context = try #require(conversations[name]?.objectValue)
      check("\(file.lastPathComponent) \(name)", item) { () throws(TemplateError) in
        try ChatTemplate(source: source).render(context, now: Self.now)
      }
    }
  }
}
