import Foundation

/// The clock of `strftime_now`, formatted as C's strftime does.
struct TemplateDate {
  private let seconds: Int

  init(clock: TemplateClock) {
    switch clock {
    case .system: seconds = Int(Date().timeIntervalSince1970)
    case .fixed(let value): seconds = value
    }
  }

  func formatted(_ format: String) -> String {
    guard !format.isEmpty else { return "" }
    var time = time_t(seconds)
    var parts = unsafe tm()
    _ = unsafe gmtime_r(&time, &parts)
    var buffer = [CChar](repeating: 0, count: 1024)
    let count = unsafe strftime(&buffer, buffer.count, format, &parts)
    return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
