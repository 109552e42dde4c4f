import Foundation
import MartletCore
import MartletModel
package import MartletText

/// A model's tokenizer on its own, without its weights.
public struct ModelTokenizer: Sendable {
  package let tokenizer: Tokenizer

  package init(_ tokenizer: Tokenizer) { self.tokenizer = tokenizer }

  /// - Throws: `MartletError` for files that cannot be used.
  public init(modelPath: String) throws {
    self.init(try TokenizerFiles(path: modelPath).tokenizer())
  }

  public var vocabularySize: Int { tokenizer.vocabularySize }

  /// - Parameter addSpecialTokens: put what the model puts around a text, usually a begin token.
  public func encode(_ text: String, addSpecialTokens: Bool = true) -> [Int32] {
    tokenizer.encode(text, addSpecialTokens: addSpecialTokens).map(\.rawValue)
  }

  public func decode(_ tokens: [Int32], skipSpecialTokens: Bool = false) -> String {
    tokenizer.decode(tokens.map { TokenID($0) }, skipSpecialTokens: skipSpecialTokens)
  }
}
