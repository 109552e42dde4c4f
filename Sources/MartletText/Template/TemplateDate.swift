import Foundation

/// The clock of `strftime_now`: local time, as `datetime.now().strftime` has it.
struct TemplateDate {
  private let clock: TemplateClock

  init(clock: TemplateClock) { self.clock = clock }

  func formatted(_ format: String) -> String {
    var parts = unsafe tm()
    var microseconds = 0
    switch clock {
    case .system:
      let now = Date().timeIntervalSince1970
      var time = time_t(now.rounded(.down))
      microseconds = Int((now - now.rounded(.down)) * 1e6)
      _ = unsafe localtime_r(&time, &parts)
    case .fixed(let seconds):
      var time = time_t(seconds)
      _ = unsafe gmtime_r(&time, &parts)
    }
    // A time without a zone: Python leaves %z and %Z empty, and knows microseconds.
    var plain = String.UnicodeScalarView()
    var isCode = false
    for scalar in format.unicodeScalars {
      guard isCode else {
        isCode = scalar == "%"
        if !isCode { plain.append(scalar) }
        continue
      }
      isCode = false
      switch scalar {
      case "z", "Z": break
      case "f": plain.append(contentsOf: String(1_000_000 + microseconds).dropFirst().unicodeScalars)
      default: plain.append(contentsOf: ["%", scalar])
      }
    }
    if isCode { plain.append("%") }
    guard !plain.isEmpty else { return "" }
    var buffer = [CChar](repeating: 0, count: 256 + String(plain).utf8.count * 16)
    let count = unsafe strftime(&buffer, buffer.count, String(plain), &parts)
    return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
