import Hummingbird
import MartletCore
import MartletText

/// What a server says about itself: health, models, and its resolved options.
struct StatusRoutes: Sendable {
  let model: ServedModel

  /// Whether a probe token comes back within the limit.
  func health() async -> Response {
    guard model.generator.load().isAlive, await probe() else { return Response(status: .serviceUnavailable) }
    return Response(status: .ok)
  }

  func ready() -> Response { Response(status: model.generator.load().isAlive ? .ok : .serviceUnavailable) }

  private func probe() async -> Bool {
    // A busy engine proves itself by its steps; an idle one by one token.
    let before = model.generator.load()
    guard before.runningRequests == 0,
      let sampling = try? SamplingParameters(SamplingParameters.Fields()), let stop = try? StopCriteria(maxTokens: 1),
      let stream = try? model.generator.generate(
        GenerationRequest(prompt: [TokenID(0)], sampling: sampling, stop: stop, namespace: CacheNamespace("health")))
    else { return before.isAlive }
    return await withTaskGroup(of: Bool.self) { group in
      group.addTask {
        for await event in stream.events {
          if case .finished(let reason, _) = event { return reason == .length || reason != .aborted(.cancelled) }
        }
        return false
      }
      group.addTask {
        try? await Task.sleep(for: .seconds(20))
        return false
      }
      let first = await group.next() ?? false
      group.cancelAll()
      return first
    }
  }

  private var card: JSONValue {
    [
      "id": .string(model.name), "object": "model", "created": .int(Int64(model.created)), "owned_by": "martlet",
      "root": .string(model.name), "parent": .null, "max_model_len": .int(Int64(model.generator.limits.contextLength)),
    ]
  }

  func models() -> Response { Response(json: ["object": "list", "data": [card]]) }

  func model(named name: String) throws(APIError) -> Response {
    guard name == model.name else {
      throw APIError(.notFound, "The model '\(name)' does not exist", field: "model", code: "model_not_found")
    }
    return Response(json: card)
  }

  func modelInfo() -> Response {
    Response(json: [
      "model_path": .string(model.path), "served_model_name": .string(model.name),
      "tokenizer_path": .string(model.path),
      "is_generation": true, "preferred_sampling_params": .null, "weight_version": "default",
      "load_format": model.options["load_format"] ?? "auto",
      "reasoning_parser": model.formats.reasoning.map { .string($0.name) } ?? .null,
      "tool_call_parser": model.formats.tools.map { .string($0.name) } ?? .null, "disaggregation_mode": "null",
      "has_image_understanding": false, "has_audio_understanding": false, "model_type": .string(model.architecture),
      "architectures": [.string(model.architecture)],
    ])
  }

  func serverInfo() -> Response {
    let load = model.generator.load(), limits = model.generator.limits
    var info = model.options
    info["max_total_num_tokens"] = .int(Int64(limits.maxTotalTokens))
    info["max_running_requests"] = .int(Int64(limits.maxRunningRequests))
    info["context_length"] = .int(Int64(limits.contextLength))
    info["internal_states"] = [
      [
        "num_running_reqs": .int(Int64(load.runningRequests)), "num_queue_reqs": .int(Int64(load.queuedRequests)),
        "page_size": .int(Int64(load.pageSize)), "total_pages": .int(Int64(load.totalPages)),
        "free_pages": .int(Int64(load.freePages)), "cached_pages": .int(Int64(load.cachedPages)),
        "leased_pages": .int(Int64(load.leasedPages)), "num_steps": .int(Int64(load.steps)),
        "prompt_tokens": .int(Int64(load.promptTokens)), "cached_tokens": .int(Int64(load.cachedTokens)),
        "generated_tokens": .int(Int64(load.generatedTokens)), "num_retractions": .int(Int64(load.retractions)),
        "num_finished_reqs": .int(Int64(load.finishedRequests)),
      ]
    ]
    return Response(json: .object(info))
  }
}
