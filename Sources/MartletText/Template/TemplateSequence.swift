/// A list or a tuple. It knows how deep and how large it is, so that a hostile one is refused before anything walks it.
struct TemplateSequence: RandomAccessCollection, Sendable {
  enum Kind: Sendable {
    case list, tuple
    /// groupby's pair: a tuple with the attributes `grouper` and `list`.
    case group
  }

  let items: [TemplateValue]
  let kind: Kind
  let extent: TemplateExtent

  init(_ items: [TemplateValue], _ kind: Kind) {
    self.items = items
    self.kind = kind
    var extent = TemplateExtent()
    for item in items { extent.include(item.extent) }
    self.extent = extent
  }

  var isTuple: Bool { kind != .list }
  var startIndex: Int { 0 }
  var endIndex: Int { items.count }
  subscript(position: Int) -> TemplateValue { items[position] }

  /// The sequence with other items.
  func with(_ items: [TemplateValue]) -> TemplateSequence { TemplateSequence(items, isTuple ? .tuple : .list) }
}
