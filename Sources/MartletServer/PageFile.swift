/// One file of the page, as it is served.
struct PageFile: Sendable {
  let path: String
  let contentType: String
  /// A strong entity tag, quotes included.
  let tag: String
  let text: StaticString
}
