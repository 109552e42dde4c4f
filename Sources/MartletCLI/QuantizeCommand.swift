import ArgumentParser
import Foundation
import Martlet
import MartletModel

/// `martlet quantize`: a checkpoint as a GGUF file of another type.
struct QuantizeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quantize", abstract: "Write a model as a GGUF file with other weights.",
    discussion: """
      Small types keep the embedding and the output matrix in q6_k; rows that a type's blocks do not divide take the next
      type that divides them.

        martlet quantize SmolLM2-135M-Instruct/ smollm2-q4_0.gguf --type q4_0
      """)

  @Argument(help: "GGUF file or Hugging Face folder.")
  var input: String

  @Argument(help: "GGUF file to write.")
  var output: String

  @Option(help: "Type of the weight matrices.")
  var type: QuantizationType

  @Option(help: "Threads. Default: one for each core.")
  var threads: Int?

  @Flag(help: "Replace an existing file.")
  var force = false

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads must be between 1 and 1024, got \(threads)")
    }
  }

  func run() async throws {
    guard force || !FileManager.default.fileExists(atPath: output) else {
      throw ValidationError("\(output) exists; give --force to replace it")
    }
    let quantizer = try ModelQuantizer(path: input, type: type)
    let bar = ProgressBar(total: quantizer.tensorCount, unit: "tensors")
    var counts: [String: Int] = [:]
    try await quantizer.write(to: output, threads: threads) { _, dtype in
      counts["\(dtype)", default: 0] += 1
      bar.advance(tokens: 0)
    }
    let size = try FileManager.default.attributesOfItem(atPath: output)[.size] as? Int ?? 0
    let types = counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    if Terminal.notesArePeople { Terminal.note("") }
    Terminal.out("\(output): \(quantizer.tensorCount) tensors (\(types)), \(size / 1_000_000) MB")
  }
}

extension QuantizationType: ExpressibleByArgument {}
