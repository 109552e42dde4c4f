/// What templates can change: these live in the runtime's store, values hold their number. So values have no cycles.
enum TemplateObject: Sendable {
  struct ID: Hashable, Sendable { let index: Int }

  case namespace(TemplateDictionary)
  case cycler([TemplateValue], position: Int)
  case joiner(separator: TemplateValue, isUsed: Bool)
  case loop(TemplateLoop)
  /// Python's iterators: each item is given once.
  case iterator([TemplateValue], position: Int)
}
