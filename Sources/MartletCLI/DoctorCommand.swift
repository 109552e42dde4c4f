import ArgumentParser
import Foundation
import Martlet
import MartletCompute

/// `martlet doctor`: what this machine offers, and what that means.
struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Show what this machine offers and what that means.")

  @Option(help: "Path of a CUDA backend library to try.")
  var backend = "libmartlet_cuda.so"

  func run() async throws {
    Terminal.out("martlet \(martletVersion)")
    for variant in KernelTable.Variant.allCases where variant != .best {
      let table = KernelTable(cpu: variant)
      Terminal.out("  \(variant.rawValue): \(table.map { "runs (\($0.description))" } ?? "not on this processor")")
    }
    if let best = KernelTable(cpu: .best) {
      Terminal.out("kernels: \(best.name)\(best.name == "cpu-reference" ? " - slow: this processor has no AVX2" : "")")
    }
    let cores = ProcessInfo.processInfo.activeProcessorCount
    Terminal.out("cores: \(cores)\(cores == 1 ? " - one core: the server shares it with the model" : "")")
    let available = HostMemory.availableBytes >> 20, total = HostMemory.totalBytes >> 20
    Terminal.out(
      "memory: \(available) of \(total) MiB available\(available < 1024 ? " - too little for most models" : "")")
    do {
      let table = try KernelTable(library: backend)
      Terminal.out("CUDA backend: \(table.name), \(table.description)")
    } catch {
      Terminal.out("CUDA backend: not used (\(error.reason)); models run on the CPU")
    }
  }
}
