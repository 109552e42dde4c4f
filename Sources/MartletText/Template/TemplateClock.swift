/// The time that `strftime_now` sees; fixed in tests.
package enum TemplateClock: Sendable {
  case system
  /// Seconds since 1970, UTC.
  case fixed(Int)
}
