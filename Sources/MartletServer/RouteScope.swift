/// Who may call a route. There is no default: each route says it.
enum RouteScope: Sendable {
  /// Anyone, key or not: liveness.
  case open
  case user
  /// With an admin key: its holder alone; else as `user`.
  case admin
}
