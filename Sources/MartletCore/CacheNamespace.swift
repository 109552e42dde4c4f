/// What separates prefix caches: tenant salt, adapter, media. Equal tokens in different namespaces never share pages.
package struct CacheNamespace: Hashable, Sendable {
  package let name: String
  package init(_ name: String) { self.name = name }
  package static let shared = CacheNamespace("")
}
