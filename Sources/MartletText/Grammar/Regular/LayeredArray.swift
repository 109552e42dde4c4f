/// An array whose beginning never changes and is shared with its copies: to go on with a copy costs what is added to it.
struct LayeredArray<Element: Sendable>: Sendable {
  private var base: [Element] = []
  private var own: [Element] = []

  var count: Int { base.count + own.count }

  subscript(index: Int) -> Element { index < base.count ? base[index] : own[index - base.count] }

  mutating func append(_ element: Element) { own.append(element) }

  /// Copies from now on share all that is there.
  mutating func share() {
    base += own
    own = []
  }
}
