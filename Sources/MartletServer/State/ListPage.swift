import Hummingbird
import MartletText

/// OpenAI's pagination: `limit`, `after` and `order` of a list's query, and the list object.
struct ListPage: Sendable {
  enum Order: String, Sendable {
    case ascending = "asc"
    case descending = "desc"
  }

  let limit: Int
  let after: String?
  let order: Order

  init(_ request: Request, defaultOrder: Order, maxLimit: Int = 100, defaultLimit: Int = 20) throws(APIError) {
    let query = request.uri.queryParameters
    let wanted = query["limit"].map { Int($0) } ?? defaultLimit
    guard let wanted, (1...maxLimit).contains(wanted) else {
      throw APIError(.badRequest, "limit must be between 1 and \(maxLimit)", field: "limit")
    }
    let named = query["order"].map { Order(rawValue: String($0)) } ?? defaultOrder
    guard let named else { throw APIError(.badRequest, "order must be \"asc\" or \"desc\"", field: "order") }
    limit = wanted
    after = query["after"].map { String($0) }
    order = named
  }

  /// - Parameter items: all items, ascending, each with an `id`.
  func json(_ items: [JSONValue]) throws(APIError) -> JSONValue {
    var items = order == .ascending ? items : items.reversed()
    if let after {
      guard let index = items.firstIndex(where: { $0["id"]?.stringValue == after }) else {
        throw APIError(.badRequest, "after names \(after), which is not in the list", field: "after")
      }
      items = Array(items[(index + 1)...])
    }
    let page = Array(items.prefix(limit))
    return [
      "object": "list", "data": .array(page), "first_id": page.first?["id"] ?? .null,
      "last_id": page.last?["id"] ?? .null, "has_more": .bool(items.count > page.count),
    ]
  }
}
