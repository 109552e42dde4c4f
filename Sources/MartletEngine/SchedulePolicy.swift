/// Which waiting request runs next; the names are SGLang's. Priorities come before any policy, arrival after it.
package enum SchedulePolicy: String, Sendable, CaseIterable {
  /// Longest cached prefix first.
  case longestPrefixMatch = "lpm"
  /// Seeded by the arrival number, so that a run can be repeated.
  case random
  case firstComeFirstServed = "fcfs"
  /// Requests whose cached prefix ends at the same page go together, the most popular page first.
  case depthFirstWeight = "dfs-weight"
  case longestOutputFirst = "lof"
}
