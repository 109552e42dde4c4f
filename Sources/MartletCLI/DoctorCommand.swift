import ArgumentParser
import Foundation
import Martlet
import MartletCompute

/// `martlet doctor`: what this machine offers, and what that means.
struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Show what this machine offers and what that means.")

  @Option(help: "The CUDA backend's library. Default: libmartlet_cuda.so beside this program or in ../lib.")
  var cudaLibrary: String?

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
    showGPU()
  }

  private func showGPU() {
    Terminal.out("NVIDIA driver: \(DeviceSelection.hasGPU ? "loaded" : "none; models run on the CPU")")
    var options = EngineOptions()
    options.device = "cuda"
    options.backendLibrary = cudaLibrary
    do {
      let device = try DeviceSelection(options)
      Terminal.out("CUDA backend: \(device.table.description)")
      Terminal.out("GPU memory: \(device.availableBytes >> 20) of \(device.totalBytes >> 20) MiB available")
    } catch { Terminal.out("CUDA backend: not used (\(error)); models run on the CPU") }
  }
}
