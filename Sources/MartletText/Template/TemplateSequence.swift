/// A list or a tuple. It knows how deep and how large it is, so that a hostile one is refused before anything walks it.
struct TemplateSequence: RandomAccessCollection, Sendable {
  let items: [TemplateValue]
  let isTuple: Bool
  let extent: TemplateExtent

  init(_ items: [TemplateValue], isTuple: Bool) {
    self.items = items
    self.isTuple = isTuple
    var extent = TemplateExtent()
    for item in items { extent.include(item.extent) }
    self.extent = extent
  }

  var startIndex: Int { 0 }
  var endIndex: Int { items.count }
  subscript(position: Int) -> TemplateValue { items[position] }
}
