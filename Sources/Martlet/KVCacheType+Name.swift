extension EngineOptions.KVCacheType {
  /// The type of a flag's value: also `fp8`, SGLang's other name of `fp8_e4m3`.
  /// - Throws: `MartletError` with the names that there are.
  package init(named name: String) throws(MartletError) {
    if name == "fp8_e5m2" {
      throw MartletError(
        .model, "keys and values with two bits of mantissa are not supported; use fp8_e4m3, which has three")
    }
    guard let type = Self(rawValue: name == "fp8" ? Self.fp8E4M3.rawValue : name) else {
      throw MartletError(.model, "must be one of \(Self.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    self = type
  }
}
