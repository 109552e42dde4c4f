import MartletCore

/// The ledger of the KV pool's pages: each is free, cached (held by the prefix cache alone) or leased (held by at least
/// one running request, cached or not), and `total = free + cached + leased` at all times.
///
/// - Complexity: every operation is O(1) but `checkInvariants`.
package struct PagePool {
  /// What became of a page when one holder let go.
  enum Release { case stillLeased, cached, free }

  private struct Page {
    var leases: Int32 = 0
    var isCached = false
  }

  private var pages: [Page]
  private var freePages: [PageIndex]
  package private(set) var cachedCount = 0
  package private(set) var leasedCount = 0

  package init(pageCount: Int) {
    pages = Array(repeating: Page(), count: pageCount)
    freePages = (0..<pageCount).reversed().map { PageIndex(Int32($0)) }
  }

  package var totalCount: Int { pages.count }
  package var freeCount: Int { freePages.count }
  /// Pages that a new lease can have, once the cached ones are evicted.
  package var availableCount: Int { freePages.count + cachedCount }

  func isLeased(_ page: PageIndex) -> Bool { self[page].leases > 0 }
  func isCached(_ page: PageIndex) -> Bool { self[page].isCached }

  /// Leases a free page.
  mutating func allocate() -> PageIndex? {
    guard let page = freePages.popLast() else { return nil }
    self[page].leases = 1
    leasedCount += 1
    return page
  }

  /// Adds a holder to a page that is leased or cached.
  mutating func retain(_ page: PageIndex) {
    precondition(self[page].leases > 0 || self[page].isCached, "a free page was retained")
    if self[page].leases == 0 {
      cachedCount -= 1
      leasedCount += 1
    }
    self[page].leases += 1
  }

  mutating func release(_ page: PageIndex) -> Release {
    precondition(self[page].leases > 0, "a page was released twice")
    self[page].leases -= 1
    guard self[page].leases == 0 else { return .stillLeased }
    leasedCount -= 1
    guard self[page].isCached else {
      freePages.append(page)
      return .free
    }
    cachedCount += 1
    return .cached
  }

  /// The prefix cache takes a hold on a leased page.
  mutating func markCached(_ page: PageIndex) {
    precondition(self[page].leases > 0 && !self[page].isCached, "only a leased page enters the cache, once")
    self[page].isCached = true
  }

  /// The prefix cache gives up a page that nobody leases.
  mutating func evict(_ page: PageIndex) {
    precondition(self[page].leases == 0 && self[page].isCached, "only an unused cached page is evicted")
    self[page].isCached = false
    cachedCount -= 1
    freePages.append(page)
  }

  /// What is wrong with the ledger; empty when it is exact. `leases` is the number of holders per page as their owners
  /// know it.
  func checkInvariants(leases: [PageIndex: Int]) -> [String] {
    var problems: [String] = []
    let free = Set(freePages)
    if free.count != freePages.count { problems.append("a page is on the free list twice") }
    var cached = 0
    var leased = 0
    for (index, page) in pages.enumerated() {
      let name = PageIndex(Int32(index))
      if Int(page.leases) != leases[name, default: 0] {
        problems.append("page \(index) counts \(page.leases) leases, its owners \(leases[name, default: 0])")
      }
      if free.contains(name) != (page.leases == 0 && !page.isCached) {
        problems.append("page \(index) is lost or shared")
      }
      if page.leases > 0 { leased += 1 } else if page.isCached { cached += 1 }
    }
    if cached != cachedCount || leased != leasedCount || free.count + cached + leased != pages.count {
      problems.append("the ledger says \(freeCount) + \(cachedCount) + \(leasedCount), the pages say otherwise")
    }
    return problems
  }

  private subscript(_ page: PageIndex) -> Page {
    get { pages[Int(page.rawValue)] }
    _modify { yield &pages[Int(page.rawValue)] }
  }
}
