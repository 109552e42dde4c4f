import Foundation
package import MartletModel
import MartletText

/// Makes a GGUF file of another type from a GGUF file or a Hugging Face folder.
package struct ModelQuantizer {
  private let conversion: CheckpointConversion

  /// - Throws: `MartletError` for a checkpoint that cannot be read, or that GGUF cannot express.
  package init(path: String, type: QuantizationType) throws {
    do {
      let checkpoint = try Checkpoint(path: path)
      var metadata = GGUFMetadata()
      if case .folder = checkpoint.source {
        let files = TokenizerFiles(checkpoint: checkpoint)
        metadata.set("general.name", string: URL(fileURLWithPath: path).lastPathComponent)
        metadata.add(
          try GGUFTokenizerMetadata(
            try files.description(), vocabularySize: checkpoint.configuration.vocabularySize))
        if let template = try files.template() { metadata.set("tokenizer.chat_template", string: template) }
      }
      conversion = try CheckpointConversion(checkpoint, to: type, metadata: metadata)
    } catch let error as MartletError { throw error } catch { throw MartletError(.model, "\(path): \(error)") }
  }

  package var tensorCount: Int { conversion.tensorCount }

  /// Writes the file; an existing one is replaced when the new one is complete.
  package func write(to path: String, threads: Int?, progress: (String, CheckpointDType) -> Void) async throws {
    let threads = threads ?? ProcessInfo.processInfo.activeProcessorCount
    do { try await conversion.write(to: path, threads: threads, progress: progress) } catch {
      throw MartletError(.model, "\(error)")
    }
  }
}
