extension JSONValue {
  /// Parses one UTF-8 document (RFC 8259) with nothing behind it. Integers that fit 64 bits stay exact, other numbers
  /// are doubles; a number beyond the range of doubles and a lone surrogate are refused.
  /// - Throws: for bad JSON, bad UTF-8, or nesting over `maxDepth`.
  /// - Complexity: O(bytes.count).
  package init(parsing bytes: [UInt8], maxDepth: Int = 128) throws(JSONError) {
    var parser = JSONParser(bytes: bytes, maxDepth: maxDepth)
    self = try parser.parseDocument()
  }

  /// Parses the UTF-8 bytes of `text`.
  package init(parsing text: String, maxDepth: Int = 128) throws(JSONError) {
    try self.init(parsing: Array(text.utf8), maxDepth: maxDepth)
  }
}
