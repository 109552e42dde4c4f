/// A member's name, told apart by its bytes: String's own equality holds composed and decomposed spellings for one, and
/// vocabularies have both.
struct JSONKey: Hashable, Sendable {
  let text: String

  static func == (left: JSONKey, right: JSONKey) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

  func hash(into hasher: inout Hasher) {
    for byte in text.utf8 { hasher.combine(byte) }
  }
}
