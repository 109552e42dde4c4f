extension JSONValue {
  /// Appends the compact form in UTF-8. Non-finite numbers become null.
  package func write(to bytes: inout [UInt8]) {
  }
}
