/// Finds tool calls of one wire format in growing text.
protocol CallParser: Sendable {
  /// Consumes what is certain. With a complete input, consumes everything.
  mutating func advance(_ input: inout ParseBuffer, _ output: inout DeltaWriter)
}

extension ParseBuffer {
  /// Emits content up to the next opener, which stays, and says how long the opener and its line breaks are. Nil when
  /// no opener is there yet; then all that cannot become one is emitted.
  mutating func passContent(to openers: TagSet, _ output: inout DeltaWriter) -> Int? {
    if let place = openers.first(in: self) {
      output.content(take(place.start))
      return place.length
    }
    if isComplete {
      // A line break behind the last call is the format's, not the answer's.
      if !output.isBehindCall || skipWhitespace(from: 0) < count { output.content(take(count)) }
      consume(count)
    } else {
      output.content(take(count - openers.undecided(in: self)))
    }
    return nil
  }

  /// Line breaks at the beginning.
  var leadingNewlines: Int {
    var length = 0
    while self[length] == 0x0A { length += 1 }
    return length
  }
}
