import MartletModel
import MartletText

extension GGUFMetadata {
  /// Adds a tokenizer under the keys that GGUF files have it.
  mutating func add(_ tokenizer: GGUFTokenizerMetadata) {
    func key(_ name: String) -> String { "tokenizer.ggml.\(name)" }
    func list(_ tokens: TokenList) -> [ArraySlice<UInt8>] { (0..<tokens.count).map { tokens[$0] } }
    set(key("model"), string: tokenizer.model)
    set(key("pre"), string: tokenizer.preTokenizer)
    set(key("tokens"), strings: list(tokenizer.tokens))
    if let merges = tokenizer.merges { set(key("merges"), strings: list(merges)) }
    if !tokenizer.scores.isEmpty { set(key("scores"), floats: tokenizer.scores) }
    set(key("token_type"), integers: tokenizer.tokenTypes)
    let ids = [
      ("bos_token_id", tokenizer.begin), ("eos_token_id", tokenizer.end), ("unknown_token_id", tokenizer.unknown),
      ("eot_token_id", tokenizer.endOfTurn.first { $0 != tokenizer.end }),
    ]
    for case (let name, let id?) in ids { set(key(name), integer: id) }
    let flags = [
      ("add_bos_token", tokenizer.addsBegin), ("add_eos_token", tokenizer.addsEnd),
      ("add_space_prefix", tokenizer.addsSpacePrefix),
    ]
    for case (let name, let flag?) in flags { set(key(name), bool: flag) }
  }
}
