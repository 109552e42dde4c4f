extension GGUFFile {
  private func wrong(_ key: String, _ expected: String) -> CheckpointError {
    CheckpointError(file: file.path, field: key, problem: "is not \(expected)")
  }

  package func string(_ key: String) throws(CheckpointError) -> String? {
    guard let value = metadata[key] else { return nil }
    guard case .string(let text) = value else { throw wrong(key, "a string") }
    return text
  }

  package func bool(_ key: String) throws(CheckpointError) -> Bool? {
    guard let value = metadata[key] else { return nil }
    guard case .bool(let flag) = value else { throw wrong(key, "a boolean") }
    return flag
  }

  package func integer(_ key: String) throws(CheckpointError) -> Int? {
    guard let value = metadata[key] else { return nil }
    switch value {
    case .unsigned(let number): if let exact = Int(exactly: number) { return exact }
    case .signed(let number): return Int(number)
    default: break
    }
    throw wrong(key, "an integer")
  }

  package func double(_ key: String) throws(CheckpointError) -> Double? {
    guard let value = metadata[key] else { return nil }
    switch value {
    case .float(let number): return number
    case .unsigned(let number): return Double(number)
    case .signed(let number): return Double(number)
    default: throw wrong(key, "a number")
    }
  }

  /// An array of strings as one blob of UTF-8 bytes and count + 1 offsets.
  package func strings(_ key: String) throws(CheckpointError) -> (bytes: [UInt8], offsets: [Int])? {
    guard let value = metadata[key] else { return nil }
    guard case .array(8, let count, let range) = value else { throw wrong(key, "an array of strings") }
    let raw = unsafe file.bytes(range)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(range.count - 8 * count)
    var offsets = [0]
    offsets.reserveCapacity(count + 1)
    var position = 0
    for _ in 0..<count {
      let length = unsafe Int(UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)))
      unsafe bytes.append(contentsOf: raw[(position + 8)..<(position + 8 + length)])
      offsets.append(bytes.count)
      position += 8 + length
    }
    return (bytes, offsets)
  }

  package func floats(_ key: String) throws(CheckpointError) -> [Float]? {
    guard let value = metadata[key] else { return nil }
    guard case .array(6, let count, let range) = value else { throw wrong(key, "an array of float32") }
    let raw = unsafe file.bytes(range)
    return (0..<count).map { index in
      unsafe Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
    }
  }

  package func bytes(_ key: String) throws(CheckpointError) -> [UInt8]? {
    guard let value = metadata[key] else { return nil }
    guard case .array(let type, _, let range) = value, type <= 1 else { throw wrong(key, "an array of bytes") }
    return unsafe Array(file.bytes(range))
  }

  package func integers(_ key: String) throws(CheckpointError) -> [Int32]? {
    guard let value = metadata[key] else { return nil }
    guard case .array(let type, let count, let range) = value, type == 4 || type == 5 else {
      throw wrong(key, "an array of int32")
    }
    let raw = unsafe file.bytes(range)
    return (0..<count).map { index in
      unsafe Int32(littleEndian: raw.loadUnaligned(fromByteOffset: 4 * index, as: Int32.self))
    }
  }
}
