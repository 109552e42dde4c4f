import MartletCore
import Testing

@testable import MartletEngine

@Suite struct PrefixCacheTests {
  private static func tokens(_ values: [Int]) -> [TokenID] { values.map { TokenID(Int32($0)) } }

  /// Computes the whole pages of a sequence as a request would: leases what is there, inserts the rest, as far as there
  /// are pages.
  private static func compute(
    _ sequence: [TokenID], in namespace: CacheNamespace = .shared, _ cache: inout PrefixCache, pageSize: Int
  ) -> (path: [PageIndex], root: PrefixCache.Node, matched: Int)? {
    let limit = sequence.count / pageSize
    var cursor = PrefixCache.Cursor()
    cache.extend(&cursor, along: sequence, in: namespace, pageLimit: limit)
    var path = cache.pages(to: cursor)
    cache.retain(path)
    let root = cache.open(namespace), matched = path.count
    for position in matched..<limit {
      guard let page = cache.allocate() else { break }
      let parent = path.last.map { PrefixCache.Node(rawValue: Int($0.rawValue)) } ?? root
      let slice = sequence[position * pageSize..<(position + 1) * pageSize]
      guard cache.insert(page, holding: slice, under: parent) == .inserted else { return nil }
      path.append(page)
    }
    return (path, root, matched)
  }

  /// All sequences of up to four pages over two tokens: what one leaves behind, another finds up to where they differ.
  @Test func everyPairOfSequencesSharesExactlyItsCommonPages() throws {
    var all: [[Int]] = [[]]
    for length in 1...4 {
      for bits in 0..<(1 << length) { all.append((0..<length).map { (bits >> $0) & 1 }) }
    }
    for first in all {
      for second in all {
        var cache = PrefixCache(pageCount: 8, pageSize: 1)
        let left = try #require(Self.compute(Self.tokens(first), &cache, pageSize: 1))
        let right = try #require(Self.compute(Self.tokens(second), &cache, pageSize: 1))
        let common = zip(first, second).prefix { $0 == $1 }.count
        #expect(right.matched == common)
        #expect(right.path.prefix(common) == left.path.prefix(common))
        var leases: [PageIndex: Int] = [:]
        for page in left.path + right.path { leases[page, default: 0] += 1 }
        #expect(cache.checkInvariants(leases: leases) == [])
        cache.release(left.path)
        cache.release(right.path)
        cache.close(left.root)
        cache.close(right.root)
        cache.flush()
        #expect(cache.pool.freeCount == 8)
        #expect(cache.checkInvariants(leases: [:]) == [])
      }
    }
  }

  private struct Holder {
    let path: [PageIndex]
    let root: PrefixCache.Node
    let key: [Int]
  }

  /// Holders come and go over a pool that must evict: a match is always right, and what somebody holds is always found.
  @Test(arguments: [6, 12, 40], [EvictionPolicy.leastRecentlyUsed, .leastFrequentlyUsed, .firstInFirstOut])
  func matchesAreSoundUnderEviction(pages: Int, policy: EvictionPolicy) throws {
    let pageSize = 2
    var cache = PrefixCache(pageCount: pages, pageSize: pageSize, policy: policy)
    var contents: [PageIndex: [Int]] = [:]
    var holders: [Holder] = []
    var state = UInt64(pages)
    func draw(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    for _ in 0..<3000 {
      if draw(2) == 0, !holders.isEmpty {
        let holder = holders.remove(at: draw(holders.count))
        cache.release(holder.path)
        cache.close(holder.root)
      } else {
        let tenant = draw(2)
        let values = (0..<2 * (1 + draw(4))).map { _ in draw(2) }
        let namespace = tenant == 0 ? CacheNamespace.shared : CacheNamespace("tenant")
        let key = [tenant] + values
        let held = holders.map { zip($0.key, key).prefix { $0 == $1 }.count }.max() ?? 0
        let known = contents
        let computed = Self.compute(Self.tokens(values), in: namespace, &cache, pageSize: pageSize)
        let result = try #require(computed)
        // A held prefix cannot have been evicted; one token of the key is the tenant.
        #expect(result.matched >= max(0, held - 1) / pageSize)
        for (index, page) in result.path.enumerated() {
          let prefix = Array(key.prefix(1 + (index + 1) * pageSize))
          if index < result.matched { #expect(known[page] == prefix) }
          contents[page] = prefix
        }
        holders.append(
          Holder(path: result.path, root: result.root, key: Array(key.prefix(1 + result.path.count * pageSize))))
      }
      var leases: [PageIndex: Int] = [:]
      for holder in holders { for page in holder.path { leases[page, default: 0] += 1 } }
      #expect(cache.checkInvariants(leases: leases) == [])
    }
  }

  @Test func theLeastRecentlyUsedLeafGoesFirst() throws {
    var cache = PrefixCache(pageCount: 4, pageSize: 1)
    let long = try #require(Self.compute(Self.tokens([1, 2]), &cache, pageSize: 1))
    let short = try #require(Self.compute(Self.tokens([5]), &cache, pageSize: 1))
    cache.release(long.path)
    cache.release(short.path)
    // Using the long path again makes the short one the oldest.
    let again = try #require(Self.compute(Self.tokens([1, 2]), &cache, pageSize: 1))
    #expect(again.matched == 2)
    cache.release(again.path)
    var wasEvicted = cache.evictOne()
    #expect(wasEvicted)
    var cursor = PrefixCache.Cursor()
    cache.extend(&cursor, along: Self.tokens([5]), in: .shared, pageLimit: 1)
    #expect(cursor.pageCount == 0)
    wasEvicted = cache.evictOne()
    #expect(wasEvicted)
    cursor = PrefixCache.Cursor()
    cache.extend(&cursor, along: Self.tokens([1, 2]), in: .shared, pageLimit: 2)
    #expect(cursor.pageCount == 1, "leaves go before the pages above them")
  }

  @Test func namespacesNeverMeet() throws {
    var cache = PrefixCache(pageCount: 8, pageSize: 1)
    let first = try #require(Self.compute(Self.tokens([1, 2, 3]), in: CacheNamespace("a"), &cache, pageSize: 1))
    let second = try #require(Self.compute(Self.tokens([1, 2, 3]), in: CacheNamespace("b"), &cache, pageSize: 1))
    #expect(second.matched == 0)
    #expect(Set(first.path).isDisjoint(with: second.path))
  }

  @Test func aCursorOverAnEvictedPageStartsAgain() throws {
    var cache = PrefixCache(pageCount: 2, pageSize: 1)
    let first = try #require(Self.compute(Self.tokens([1, 2]), &cache, pageSize: 1))
    var cursor = PrefixCache.Cursor()
    cache.extend(&cursor, along: Self.tokens([1, 2]), in: .shared, pageLimit: 2)
    #expect(cursor.pageCount == 2)
    cache.release(first.path)
    cache.close(first.root)
    cache.flush()
    let other = try #require(Self.compute(Self.tokens([8, 9]), &cache, pageSize: 1))
    cache.extend(&cursor, along: Self.tokens([1, 2]), in: .shared, pageLimit: 2)
    #expect(cursor.pageCount == 0)
    #expect(other.path.count == 2)
  }
}
