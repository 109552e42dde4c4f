/// Reads the normalizer, pre-tokenizer, post-processor and decoder of a `tokenizer.json`.
struct TokenizerPipelineReader {
  private let members: [String: JSONValue]

  init(_ members: [String: JSONValue]) { self.members = members }

  /// A component of the file and, for sequences, its parts.
  private func components(_ name: String) throws(TokenizerError) -> [(field: String, value: JSONValue)] {
    var result: [(field: String, value: JSONValue)] = []
    func add(_ value: JSONValue?, _ field: String) throws(TokenizerError) {
      guard let value, !value.isNull else { return }
      guard value["type"]?.stringValue == "Sequence" else {
        result.append((field, value))
        return
      }
      for key in ["pretokenizers", "normalizers", "decoders", "processors"] {
        for (index, part) in (value[key]?.arrayValue ?? []).enumerated() { try add(part, "\(field)[\(index)]") }
      }
    }
    try add(members[name], name)
    return result
  }

  private func unsupported(_ part: (field: String, value: JSONValue)) -> TokenizerError {
    TokenizerError(
      field: part.field, problem: "\(part.value["type"]?.stringValue ?? "an entry without type") is not supported")
  }

  func isByteLevel() throws(TokenizerError) -> Bool {
    let parts = try components("pre_tokenizer") + components("decoder")
    return parts.contains { $0.value["type"]?.stringValue == "ByteLevel" }
  }

  var hasDecoder: Bool { !(members["decoder"] ?? .null).isNull }

  func normalizers() throws(TokenizerError) -> [NormalizationStep] {
    var steps: [NormalizationStep] = []
    for part in try components("normalizer") {
      let value = part.value
      switch value["type"]?.stringValue {
      case "NFC": steps.append(.composed)
      case "NFD": steps.append(.decomposed)
      case "NFKC": steps.append(.compatiblyComposed)
      case "NFKD": steps.append(.compatiblyDecomposed)
      case "Lowercase": steps.append(.lowercased)
      case "StripAccents": steps.append(.accentsStripped)
      case "Prepend": steps.append(.prepended(Array((value["prepend"]?.stringValue ?? "").utf8)))
      case "Strip":
        steps.append(
          .whitespaceStripped(
            left: value["strip_left"]?.boolValue ?? true, right: value["strip_right"]?.boolValue ?? true))
      case "Replace":
        let content = Array((value["content"]?.stringValue ?? "").utf8)
        if let text = value["pattern"]?["String"]?.stringValue, !text.isEmpty {
          steps.append(.replaced(Array(text.utf8), by: content))
        } else if let regex = value["pattern"]?["Regex"]?.stringValue {
          steps.append(.patternReplaced(regex, by: content))
        } else {
          throw unsupported(part)
        }
      case "Precompiled":
        guard let text = value["precompiled_charsmap"]?.stringValue else { throw unsupported(part) }
        if !text.isEmpty { steps.append(.mapped(try CharacterMap(base64: text))) }
      default: throw unsupported(part)
      }
    }
    return steps
  }

  /// - Parameter normalizers: the steps that the text has gone through.
  func splitters(after normalizers: [NormalizationStep]) throws(TokenizerError) -> [SplitStep] {
    var steps: [SplitStep] = []
    for part in try components("pre_tokenizer") {
      let value = part.value
      switch value["type"]?.stringValue {
      case "ByteLevel":
        if value["add_prefix_space"]?.boolValue ?? false { steps.append(.spacePrefixed) }
        if value["use_regex"]?.boolValue ?? true {
          steps.append(.pattern(WordPattern.gpt2Pattern, .isolated, inverted: false))
        }
      case "Split":
        // Gemma's files cut at spaces, none of which is left by then: its texts are one word.
        if let text = part.value["pattern"]?["String"]?.stringValue, steps.isEmpty,
          Self.removes(Array(text.utf8), normalizers)
        {
          continue
        }
        steps.append(try split(part))
      case "Digits":
        let pattern = value["individual_digits"]?.boolValue == true ? #"\p{N}"# : #"\p{N}+"#
        steps.append(.pattern(pattern, .isolated, inverted: false))
      case "Punctuation":
        let behavior = SplitStep.Behavior(rawValue: value["behavior"]?.stringValue ?? "Isolated")
        guard let behavior else { throw unsupported(part) }
        steps.append(.pattern(#"[\p{P}!-\/:-@\[-`{-~]"#, behavior, inverted: false))
      case "WhitespaceSplit": steps.append(.pattern(#"\s"#, .removed, inverted: false))
      case "Whitespace": steps.append(.pattern(#"\w+|[^\w\s]+"#, .removed, inverted: true))
      case "Metaspace":
        guard value["replacement"]?.stringValue ?? "\u{2581}" == "\u{2581}" else { throw unsupported(part) }
        steps.append(.marked(try prepending(part), cutsWords: value["split"]?.boolValue ?? true))
      default: throw unsupported(part)
      }
    }
    return steps
  }

  /// Whether no `text` is left behind the last normalisation step.
  private static func removes(_ text: [UInt8], _ normalizers: [NormalizationStep]) -> Bool {
    guard case .replaced(text, let replacement) = normalizers.last, text.count == 1 else { return false }
    return !replacement.contains(text[0])
  }

  private func split(_ part: (field: String, value: JSONValue)) throws(TokenizerError) -> SplitStep {
    let name = part.value["behavior"]?.stringValue ?? "Isolated"
    guard let behavior = SplitStep.Behavior(rawValue: name) else {
      throw TokenizerError(field: part.field, problem: "Split with the behavior \(name) is not supported")
    }
    let inverted = part.value["invert"]?.boolValue ?? false
    if let regex = part.value["pattern"]?["Regex"]?.stringValue { return .pattern(regex, behavior, inverted: inverted) }
    guard let text = part.value["pattern"]?["String"]?.stringValue, !text.isEmpty else { throw unsupported(part) }
    return .pattern(#"\Q"# + text.replacing(#"\E"#, with: #"\E\\E\Q"#) + #"\E"#, behavior, inverted: inverted)
  }

  /// Older files have a flag in place of the scheme.
  private func prepending(_ part: (field: String, value: JSONValue)) throws(TokenizerError) -> SplitStep.Prepending {
    guard let name = part.value["prepend_scheme"]?.stringValue else {
      return part.value["add_prefix_space"]?.boolValue ?? true ? .always : .never
    }
    guard let prepending = SplitStep.Prepending(rawValue: name) else { throw unsupported(part) }
    return prepending
  }

  func leadingSpace() throws(TokenizerError) -> TokenizerDescription.LeadingSpace {
    var result = TokenizerDescription.LeadingSpace.kept
    for part in try components("decoder") {
      switch part.value["type"]?.stringValue {
      case "ByteLevel", "ByteFallback", "Fuse": break
      case "Replace":
        guard part.value["pattern"]?["String"]?.stringValue == "\u{2581}", part.value["content"]?.stringValue == " "
        else { throw unsupported(part) }
      case "Strip":
        guard part.value["content"]?.stringValue == " ", part.value["start"]?.intValue ?? 0 <= 1,
          part.value["stop"]?.intValue ?? 0 == 0
        else { throw unsupported(part) }
        if part.value["start"]?.intValue == 1 { result = .oneDropped }
      case "Metaspace":
        if try prepending(part) != .never { result = .allOfFirstTokenDropped }
      default: throw unsupported(part)
      }
    }
    return result
  }

  var hasTemplate: Bool {
    let names: Set<String?> = ["TemplateProcessing", "BertProcessing", "RobertaProcessing"]
    return (try? components("post_processor"))?.contains { names.contains($0.value["type"]?.stringValue) } ?? false
  }

  /// What is put in front of and behind a single text.
  func template(_ id: (String) -> Int32?) throws(TokenizerError) -> (prefix: [Int32], suffix: [Int32]) {
    var prefix: [Int32] = []
    var suffix: [Int32] = []
    for part in try components("post_processor") {
      switch part.value["type"]?.stringValue {
      case "ByteLevel": break
      case "BertProcessing", "RobertaProcessing":
        func pair(_ key: String) -> Int32? {
          part.value[key]?.arrayValue?.last?.intValue.flatMap { Int32(exactly: $0) }
        }
        guard let begin = pair("cls"), let end = pair("sep") else { throw unsupported(part) }
        prefix = [begin] + prefix
        suffix.append(end)
      case "TemplateProcessing":
        var front: [Int32] = []
        var isBehind = false
        for piece in part.value["single"]?.arrayValue ?? [] {
          guard let name = piece["SpecialToken"]?["id"]?.stringValue else {
            isBehind = true
            continue
          }
          let listed = part.value["special_tokens"]?[name]?["ids"]?.arrayValue
          let ids = listed?.compactMap { $0.intValue.flatMap { Int32(exactly: $0) } } ?? id(name).map { [$0] } ?? []
          if isBehind { suffix += ids } else { front += ids }
        }
        prefix = front + prefix
      default: throw unsupported(part)
      }
    }
    return (prefix, suffix)
  }
}
