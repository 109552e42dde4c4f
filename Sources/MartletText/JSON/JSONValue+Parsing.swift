extension JSONValue {
  /// Parses one UTF-8 document with nothing behind it.
  /// - Throws: for bad JSON, bad UTF-8, or nesting over `maxDepth`.
  package init(parsing bytes: [UInt8], maxDepth: Int = 128) throws(JSONError) {
    throw JSONError(offset: 0, message: "not written yet")
  }
}
