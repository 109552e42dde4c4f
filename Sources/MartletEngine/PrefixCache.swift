import MartletCore

/// The KV pool seen as a radix tree: a node is one full page, its edge the page's tokens, a root stands for a namespace.
/// Every path from a root spells a prefix whose keys and values are in the pages on that path.
///
/// A node is named by its page, so that the tree is a few flat arrays and one hash table of edges. Whoever leases a page
/// leases all pages above it, hence pages without leases can always be evicted from the leaves up.
package struct PrefixCache {
  /// A position in the tree: a page, or a namespace's root (negative).
  struct Node: Hashable {
    let rawValue: Int
    var page: PageIndex? { rawValue >= 0 ? PageIndex(Int32(rawValue)) : nil }
  }

  /// A page's tokens under a node. The digest is keyed per process, and tokens are compared besides.
  struct Edge: Hashable {
    let parent: Node
    let digest: Int
  }

  /// How far a token sequence is known to be in the tree. Extending it costs only the new pages, as long as its last
  /// page was not evicted meanwhile.
  struct Cursor {
    fileprivate(set) var pageCount = 0
    fileprivate(set) var node: Node?
    fileprivate var birth: UInt64 = 0
  }

  enum Insertion: Equatable {
    case inserted
    /// The same tokens are already there in another page; lease that one instead.
    case existing(PageIndex)
    /// Two different pages collide in their digest: the newcomer stays outside.
    case refused
  }

  private struct Entry {
    var parent = Node(rawValue: -1)
    var digest = 0
    var childCount = 0
    /// When the page entered the tree; 0 outside of it.
    var birth: UInt64 = 0
    var lastUse: UInt64 = 0
    var uses: UInt64 = 0
    /// Changes whenever an older place in the eviction order becomes void.
    var stamp: UInt64 = 0
  }

  private struct Root {
    let namespace: CacheNamespace
    var holders = 0
  }

  private struct Candidate: Comparable {
    let rank: (UInt64, UInt64)
    let page: PageIndex
    let stamp: UInt64
    static func < (left: Candidate, right: Candidate) -> Bool { left.rank < right.rank }
    static func == (left: Candidate, right: Candidate) -> Bool { left.rank == right.rank }
  }

  package private(set) var pool: PagePool
  /// Counts insertions: while it stands still no cursor can be extended.
  private(set) var insertions: UInt64 = 0
  private let pageSize: Int
  private let isEnabled: Bool
  private let policy: EvictionPolicy
  private var entries: [Entry]
  private var tokens: [TokenID]
  private var children: [Edge: PageIndex] = [:]
  private var rootNodes: [CacheNamespace: Node] = [:]
  private var roots: [Node: Root] = [:]
  private var lastRoot = 0
  private var clock: UInt64 = 0
  private var evictable = PriorityHeap<Candidate>()

  package init(pageCount: Int, pageSize: Int, policy: EvictionPolicy = .leastRecentlyUsed, isEnabled: Bool = true) {
    pool = PagePool(pageCount: pageCount)
    self.pageSize = pageSize
    self.policy = policy
    self.isEnabled = isEnabled
    entries = Array(repeating: Entry(), count: pageCount)
    tokens = Array(repeating: TokenID(0), count: isEnabled ? pageCount * pageSize : 0)
  }

  // MARK: Namespaces

  /// The namespace's root, kept until `close` is called as often.
  mutating func open(_ namespace: CacheNamespace) -> Node {
    if let node = rootNodes[namespace] {
      roots[node]?.holders += 1
      return node
    }
    lastRoot -= 1
    let node = Node(rawValue: lastRoot)
    rootNodes[namespace] = node
    roots[node] = Root(namespace: namespace, holders: 1)
    return node
  }

  mutating func close(_ root: Node) {
    guard let entry = roots[root] else { return }
    roots[root]?.holders -= 1
    guard entry.holders == 1 else { return }
    roots[root] = nil
    rootNodes[entry.namespace] = nil
  }

  // MARK: Matching

  /// Moves the cursor to the longest cached prefix of `sequence` within `pageLimit` full pages.
  /// - Complexity: O(tokens newly matched); O(all matched tokens) after an eviction under the cursor.
  func extend(_ cursor: inout Cursor, along sequence: [TokenID], in namespace: CacheNamespace, pageLimit: Int) {
    guard isEnabled else { return }
    if let page = cursor.node?.page, entries[Int(page.rawValue)].birth != cursor.birth { cursor = Cursor() }
    if cursor.pageCount > pageLimit || cursor.pageCount == 0 { cursor = Cursor() }
    guard var node = cursor.node ?? rootNodes[namespace] else { return }
    cursor.node = node
    while cursor.pageCount < pageLimit {
      let start = cursor.pageCount * pageSize
      let slice = sequence[start..<(start + pageSize)]
      guard let page = children[edge(under: node, to: slice)], holds(page, slice) else { return }
      node = Node(rawValue: Int(page.rawValue))
      cursor.node = node
      cursor.pageCount += 1
      cursor.birth = entries[Int(page.rawValue)].birth
    }
  }

  /// The pages from the root to the cursor, in order.
  func pages(to cursor: Cursor) -> [PageIndex] {
    var path: [PageIndex] = []
    path.reserveCapacity(cursor.pageCount)
    var node = cursor.node
    while let page = node?.page {
      path.append(page)
      node = entries[Int(page.rawValue)].parent
    }
    return path.reversed()
  }

  /// The edge that the sequence takes after `node`.
  func edge(under node: Node, to page: ArraySlice<TokenID>) -> Edge {
    var hasher = Hasher()
    for token in page { hasher.combine(token.rawValue) }
    return Edge(parent: node, digest: hasher.finalize())
  }

  private func holds(_ page: PageIndex, _ slice: ArraySlice<TokenID>) -> Bool {
    let start = Int(page.rawValue) * pageSize
    return tokens[start..<(start + pageSize)].elementsEqual(slice)
  }

  // MARK: Leases

  /// Leases a page for new keys and values, evicting if it must.
  mutating func allocate() -> PageIndex? {
    if pool.freeCount == 0 { _ = evictOne() }
    return pool.allocate()
  }

  /// Leases cached pages; all pages of a path must be leased together.
  mutating func retain(_ pages: [PageIndex]) {
    clock += 1
    for page in pages {
      pool.retain(page)
      entries[Int(page.rawValue)].lastUse = clock
      entries[Int(page.rawValue)].uses += 1
      entries[Int(page.rawValue)].stamp += 1
    }
  }

  /// Gives up leases on a path's pages, given from the root down.
  mutating func release(_ pages: [PageIndex]) {
    clock += 1
    for page in pages.reversed() {
      let outcome = pool.release(page)
      entries[Int(page.rawValue)].lastUse = clock
      if case .cached = outcome { offerForEviction(page) }
    }
  }

  /// Puts a leased, fully computed page into the tree.
  /// - Parameter parent: where the page's prefix ends; its pages are leased by the caller.
  mutating func insert(_ page: PageIndex, holding slice: ArraySlice<TokenID>, under parent: Node) -> Insertion {
    guard isEnabled else { return .refused }
    let edge = edge(under: parent, to: slice)
    if let existing = children[edge] { return holds(existing, slice) ? .existing(existing) : .refused }
    clock += 1
    insertions += 1
    children[edge] = page
    let start = Int(page.rawValue) * pageSize
    tokens.replaceSubrange(start..<(start + pageSize), with: slice)
    let stamp = entries[Int(page.rawValue)].stamp + 1
    entries[Int(page.rawValue)] = Entry(
      parent: parent, digest: edge.digest, childCount: 0, birth: insertions, lastUse: clock, uses: 1, stamp: stamp)
    addChildren(1, to: parent)
    pool.markCached(page)
    return .inserted
  }

  // MARK: Eviction

  /// Frees one cached page that nobody leases; false when there is none. Amortised O(log pages).
  mutating func evictOne() -> Bool {
    while let candidate = evictable.pop() {
      let index = Int(candidate.page.rawValue)
      guard entries[index].stamp == candidate.stamp, entries[index].birth != 0 else { continue }
      let entry = entries[index]
      children[Edge(parent: entry.parent, digest: entry.digest)] = nil
      entries[index] = Entry(stamp: entry.stamp + 1)
      pool.evict(candidate.page)
      addChildren(-1, to: entry.parent)
      if let parent = entry.parent.page { offerForEviction(parent) }
      return true
    }
    return false
  }

  /// Evicts everything that nobody leases.
  package mutating func flush() {
    while evictOne() {}
  }

  private mutating func addChildren(_ count: Int, to node: Node) {
    if let page = node.page {
      entries[Int(page.rawValue)].childCount += count
    } else if count > 0 {
      roots[node]?.holders += 1
    } else {
      close(node)
    }
  }

  private mutating func offerForEviction(_ page: PageIndex) {
    let index = Int(page.rawValue)
    guard entries[index].childCount == 0, !pool.isLeased(page), pool.isCached(page) else { return }
    entries[index].stamp += 1
    let entry = entries[index]
    let rank =
      switch policy {
      case .leastRecentlyUsed: (entry.lastUse, entry.birth)
      case .leastFrequentlyUsed: (entry.uses, entry.lastUse)
      case .firstInFirstOut: (entry.birth, UInt64(0))
      }
    evictable.push(Candidate(rank: rank, page: page, stamp: entry.stamp))
    guard evictable.count > 2 * entries.count + 64 else { return }
    evictable.removeAll { entries[Int($0.page.rawValue)].stamp != $0.stamp }
  }

  /// What is wrong with the tree or the ledger; empty when both are sound.
  /// - Parameter leases: holders per page as their owners know it.
  func checkInvariants(leases: [PageIndex: Int]) -> [String] {
    var problems = pool.checkInvariants(leases: leases)
    var childCounts: [Node: Int] = [:]
    var evictableLeaves = 0
    for (edge, page) in children {
      let entry = entries[Int(page.rawValue)]
      childCounts[edge.parent, default: 0] += 1
      if entry.parent != edge.parent || entry.digest != edge.digest {
        problems.append("page \(page) is under a wrong edge")
      }
      if !pool.isCached(page) { problems.append("page \(page) is in the tree and not marked cached") }
      if let parent = entry.parent.page {
        if entries[Int(parent.rawValue)].birth == 0 { problems.append("page \(page) hangs under an evicted page") }
        if pool.isLeased(page) && !pool.isLeased(parent) {
          problems.append("page \(page) is leased, its parent is not")
        }
      } else if roots[entry.parent] == nil {
        problems.append("page \(page) has no root")
      }
      if entry.childCount == 0 && !pool.isLeased(page) { evictableLeaves += 1 }
    }
    for index in entries.indices {
      let counted = childCounts[Node(rawValue: index), default: 0]
      if entries[index].childCount != counted { problems.append("page \(index) miscounts its children") }
      if pool.isCached(PageIndex(Int32(index))) != (entries[index].birth != 0) {
        problems.append("page \(index) is half cached")
      }
    }
    if evictable.count < evictableLeaves { problems.append("an unused leaf is not in the eviction order") }
    return problems
  }
}
