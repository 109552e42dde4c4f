import Foundation
import MartletModel
import MartletText

/// Where a model's tokenizer and chat template are: in a GGUF file, or in a folder.
struct TokenizerFiles {
  private enum Source {
    case gguf(GGUFFile)
    case folder(HuggingFaceFolder)
  }

  private let source: Source
  private let path: String

  init(path: String) throws {
    var isFolder: ObjCBool = false
    guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw MartletError(.model, "\(path): does not exist; give a GGUF file or a Hugging Face folder")
    }
    self.path = path
    do {
      if isFolder.boolValue {
        source = .folder(HuggingFaceFolder(path: path))
      } else if path.hasSuffix(".json") {
        source = .folder(HuggingFaceFolder(path: (path as NSString).deletingLastPathComponent))
      } else {
        source = .gguf(try GGUFFile(path: path))
      }
    } catch { throw MartletError(.model, "\(error)") }
  }

  init(checkpoint: Checkpoint) {
    path = checkpoint.path
    switch checkpoint.source {
    case .gguf(let file): source = .gguf(file)
    case .folder(let folder): source = .folder(folder)
    }
  }

  func tokenizer() throws -> Tokenizer {
    do { return try Tokenizer(try description()) } catch let error as MartletError { throw error } catch {
      throw MartletError(.model, "\(path): \(error)")
    }
  }

  func description() throws -> TokenizerDescription {
    do {
      switch source {
      case .gguf(let file): return try TokenizerDescription(gguf: try Self.metadata(file))
      case .folder(let folder):
        guard let json = folder.contents("tokenizer.json") else {
          throw MartletError(.model, "\(path): tokenizer.json is missing; give --tokenizer-path a folder that has it")
        }
        let configuration = folder.contents("tokenizer_config.json")
        return try TokenizerDescription(
          tokenizerJSON: Array(json), configurationJSON: configuration.map { Array($0) })
      }
    } catch let error as MartletError { throw error } catch { throw MartletError(.model, "\(path): \(error)") }
  }

  /// The chat template's source; nil when the model has none.
  func template() throws -> String? {
    switch source {
    case .gguf(let file): return try file.string("tokenizer.chat_template")
    case .folder(let folder):
      if let file = folder.contents("chat_template.jinja") { return String(decoding: file, as: UTF8.self) }
      for (name, key) in [("chat_template.json", "chat_template"), ("tokenizer_config.json", "chat_template")] {
        guard let data = folder.contents(name), let json = try? JSONValue(parsing: Array(data)) else { continue }
        if let template = Self.template(in: json[key]) { return template }
      }
      return nil
    }
  }

  /// One template, or the one named "default" of several.
  private static func template(in value: JSONValue?) -> String? {
    if let text = value?.stringValue { return text }
    let named = value?.arrayValue?.first { $0["name"]?.stringValue == "default" }
    return named?["template"]?.stringValue
  }

  private static func metadata(_ file: GGUFFile) throws -> GGUFTokenizerMetadata {
    var metadata = GGUFTokenizerMetadata()
    func key(_ name: String) -> String { "tokenizer.ggml.\(name)" }
    metadata.model = try file.string(key("model")) ?? ""
    metadata.preTokenizer = try file.string(key("pre")) ?? "default"
    if let tokens = try file.strings(key("tokens")) {
      metadata.tokens = try TokenList(bytes: tokens.bytes, offsets: tokens.offsets)
    }
    if let merges = try file.strings(key("merges")) {
      metadata.merges = try TokenList(bytes: merges.bytes, offsets: merges.offsets)
    }
    metadata.scores = try file.floats(key("scores")) ?? []
    metadata.tokenTypes = try file.integers(key("token_type")) ?? []
    metadata.begin = try file.integer(key("bos_token_id"))
    metadata.end = try file.integer(key("eos_token_id"))
    metadata.unknown = try file.integer(key("unknown_token_id"))
    metadata.endOfTurn = [try file.integer(key("eot_token_id")), try file.integer(key("eom_token_id"))].compactMap {
      $0
    }
    metadata.addsBegin = try file.bool(key("add_bos_token"))
    metadata.addsEnd = try file.bool(key("add_eos_token"))
    metadata.characterMap = try file.bytes(key("precompiled_charsmap"))
    metadata.removesExtraSpaces = try file.bool(key("remove_extra_whitespaces"))
    metadata.addsSpacePrefix = try file.bool(key("add_space_prefix"))
    return metadata
  }
}
