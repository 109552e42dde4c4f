import Foundation
package import MartletCompute

/// The device that a model runs on, the memory it has now, and the defaults that suit it.
package struct DeviceSelection: Sendable {
  package static let libraryName = "libmartlet_cuda.so"

  package let table: KernelTable
  package let availableBytes: Int
  package let totalBytes: Int
  /// What the user should know about the choice.
  package let note: String?

  package var isGPU: Bool { table.hasSeparateMemory }

  /// Follows `--device`; with "auto" a GPU goes before the CPU.
  /// - Throws: `MartletError` of kind `machine`: what is missing, and the remedy.
  package init(_ options: EngineOptions) throws {
    switch options.device {
    case "auto":
      do { try self.init(library: try Self.libraryPath(options.backendLibrary)) } catch {
        let isMissed = Self.hasGPU || options.backendLibrary != nil
        try self.init(
          cpu: .best, name: options.device, note: isMissed ? "the GPU is not used: \(error); running on the CPU" : nil)
      }
    case "cuda": try self.init(library: try Self.libraryPath(options.backendLibrary))
    case "cpu": try self.init(cpu: .best, name: options.device, note: nil)
    default:
      if let variant = KernelTable.Variant(rawValue: options.device) {
        try self.init(cpu: variant, name: options.device, note: nil)
      } else {
        guard options.device.contains("/") else {
          throw MartletError(
            .machine,
            "--device \(options.device): is not known; use auto, cpu, cuda, reference, avx2, avx512, amx, neon or a library's path"
          )
        }
        try self.init(library: options.device)
      }
    }
  }

  private init(cpu variant: KernelTable.Variant, name: String, note: String?) throws {
    guard let table = KernelTable(cpu: variant) else {
      throw MartletError(.machine, "--device \(name): this processor cannot run these kernels; use cpu")
    }
    self.table = table
    self.note = note
    availableBytes = HostMemory.availableBytes
    totalBytes = HostMemory.totalBytes
  }

  private init(library path: String) throws {
    do throws(BackendError) {
      table = try KernelTable(library: path)
      if table.hasSeparateMemory {
        (availableBytes, totalBytes) = try table.deviceInfo()
      } else {
        (availableBytes, totalBytes) = (HostMemory.availableBytes, HostMemory.totalBytes)
      }
    } catch { throw MartletError(.machine, error.description) }
    note = nil
  }

  /// The backend library: as given, or beside this program, or in the `lib` folder beside its own.
  package static func libraryPath(_ given: String?) throws -> String {
    if let given {
      guard FileManager.default.fileExists(atPath: given) else {
        throw MartletError(.machine, "--cuda-library \(given): does not exist")
      }
      return given
    }
    let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    let places = [program, program.deletingLastPathComponent().appendingPathComponent("lib")].map {
      $0.appendingPathComponent(libraryName).path
    }
    guard let path = places.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
      throw MartletError(
        .machine,
        "\(libraryName) is neither at \(places.joined(separator: " nor at ")); build it with make cuda, put it there or give --cuda-library"
      )
    }
    return path
  }

  /// Whether the machine has an NVIDIA GPU that a driver has found.
  package static var hasGPU: Bool { FileManager.default.fileExists(atPath: "/proc/driver/nvidia/version") }
}
