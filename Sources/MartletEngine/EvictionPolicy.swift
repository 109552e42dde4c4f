/// Which unused cached page is given up first; only pages without cached continuations are candidates.
package enum EvictionPolicy: String, Sendable, CaseIterable {
  case leastRecentlyUsed = "lru"
  case leastFrequentlyUsed = "lfu"
  case firstInFirstOut = "fifo"
}
