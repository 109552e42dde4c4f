import Hummingbird

/// Where a request comes from. A page of another site can make a browser send forms to this server; what it sends then
/// carries these headers, which pages cannot take away.
extension Request {
  private func header(_ name: String) -> String? { HTTPFields.Element.Name(name).flatMap { headers[$0] } }

  var isFromBrowser: Bool { header("Origin") != nil || header("Sec-Fetch-Site") != nil }

  /// True for a browser's request on behalf of another site than the one this server is known by.
  var isFromAnotherSite: Bool {
    if let site = header("Sec-Fetch-Site") { return site != "same-origin" && site != "none" }
    guard let origin = header("Origin") else { return false }
    return origin != "http://\(head.authority ?? "")" && origin != "https://\(head.authority ?? "")"
  }
}
