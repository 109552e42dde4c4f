import ArgumentParser
import Foundation
import Martlet
import MartletCompute
import MartletModel

/// `martlet plan`: the memory planner run dry.
struct PlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Show what a model would need on this machine, without loading it.")

  @OptionGroup var modelFlags: ModelFlags

  @OptionGroup(title: "Engine") var engineFlags: EngineFlags

  func validate() throws { _ = try modelFlags.path() }

  func run() async throws {
    let (configuration, plan, device) = try LoadedModel.dryPlan(
      path: try modelFlags.path(), options: engineFlags.options)
    func mebibytes(_ bytes: Int) -> String { String(format: "%10.1f MiB", Double(bytes) / 1_048_576) }
    let full = max(1, plan.totalTokens / max(1, plan.contextLength))
    Terminal.out(
      """
      \(configuration.architecture.rawValue), \(configuration.layerCount) layers, hidden \(configuration.hiddenSize), vocabulary \(configuration.vocabularySize)
      memory available  \(mebibytes(device.availableBytes)) on \(device.table.name)
      weights           \(mebibytes(plan.weightBytes))
      workspace         \(mebibytes(plan.workspaceBytes))   steps of up to \(plan.maxBatchedTokens) tokens
      KV cache          \(mebibytes(plan.cacheBytes))   \(plan.pageCount) pages of \(plan.pageSize) tokens, \(plan.cacheType)
      in all            \(mebibytes(plan.totalBytes))
      one request       up to \(plan.contextLength) tokens
      at once           \(min(full, plan.maxRunningRequests)) requests of full length, at most \(plan.maxRunningRequests) of any
      """)
  }
}
