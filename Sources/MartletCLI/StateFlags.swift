import ArgumentParser
import Foundation
import MartletServer

/// Flags of what the server keeps between requests.
struct StateFlags: ParsableArguments {
  @Option(help: "Folder for stored responses, files and batches, which then outlive the process. Default: memory.")
  var stateDirectory: String?

  @Option(help: "Room for stored responses, in MiB; the oldest go first.")
  var responseStoreSize = 256

  @Option(help: "How long a response is stored, in hours.")
  var responseStoreHours = 720

  @Option(help: "Room for clients' files, in MiB.")
  var fileStoreSize = 1024

  func validate() throws {
    guard (1...1 << 20).contains(responseStoreSize), (1...1 << 20).contains(fileStoreSize) else {
      throw ValidationError("--response-store-size and --file-store-size must be between 1 and \(1 << 20)")
    }
    guard (1...87_600).contains(responseStoreHours) else {
      throw ValidationError("--response-store-hours must be between 1 and 87600, got \(responseStoreHours)")
    }
  }

  /// Makes the folder if it is not there; only its owner can read it.
  func options() throws -> StateOptions {
    var options = StateOptions()
    options.maxResponseBytes = responseStoreSize << 20
    options.responseLifetimeSeconds = responseStoreHours * 3600
    options.maxTotalFileBytes = fileStoreSize << 20
    guard let stateDirectory else { return options }
    try FileManager.default.createDirectory(
      atPath: stateDirectory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    options.directory = stateDirectory
    return options
  }
}
