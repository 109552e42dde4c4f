/// Delimiters that are looked for in growing text.
struct TagSet: Sendable {
  let tags: [[UInt8]]
  /// Line breaks directly in front of a tag that belong to it, at most.
  let newlines: Int

  init(_ tags: [String], newlines: Int = 0) {
    self.tags = tags.map { Array($0.utf8) }.sorted { $0.count > $1.count }
    self.newlines = newlines
  }

  /// Where a search goes on that has found nothing: a tag may have begun behind this index.
  func searched(_ input: ParseBuffer) -> Int { max(0, input.count - (tags.first?.count ?? 1) + 1) }

  /// A tag in the text: the index where it and its line breaks begin, and their length.
  struct Place {
    let start: Int
    let length: Int
    let tag: [UInt8]
  }

  /// The first tag; of several at one index the longest. Nil when there is none yet.
  /// - Parameter start: no tag begins in front of this index.
  func first(in input: ParseBuffer, from start: Int = 0) -> Place? {
    for index in min(start, input.count)..<input.count {
      guard let byte = input[index],
        let tag = tags.first(where: { $0.first == byte && input.has($0, at: index) == true })
      else { continue }
      let start = index - newlinesBefore(index, input)
      return Place(start: start, length: index + tag.count - start, tag: tag)
    }
    return nil
  }

  /// How many bytes at the end of the text could still become a tag with its line breaks.
  func undecided(in input: ParseBuffer) -> Int {
    let longest = tags.reduce(0) { max($0, $1.count) }
    var held = min(input.count, longest - 1)
    while held > 0, !tags.contains(where: { $0.count > held && input.has($0, at: input.count - held) == nil }) {
      held -= 1
    }
    return held + newlinesBefore(input.count - held, input)
  }

  private func newlinesBefore(_ index: Int, _ input: ParseBuffer) -> Int {
    var count = 0
    while count < newlines, input[index - count - 1] == 0x0A { count += 1 }
    return count
  }
}
