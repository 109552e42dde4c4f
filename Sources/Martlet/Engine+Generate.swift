import MartletCore

extension Engine {
  /// Runs a batch. The engine batches the prompts itself; results come back in the prompts' order.
  /// - Parameter onResult: called as each prompt finishes, with its index, from any thread.
  /// - Throws: `MartletError` for the first prompt that cannot be served; the others are cancelled.
  public func generate(
    _ prompts: [Prompt], sampling: Sampling = Sampling(),
    onResult: @escaping @Sendable (Int, Generation) -> Void = { _, _ in }
  ) async throws -> [Generation] {
    try await prompts.mapConcurrently(width: concurrentPrompts) { index, prompt in
      let generation = try await self.generate(prompt, sampling: sampling)
      onResult(index, generation)
      return generation
    }
  }

  /// Runs one prompt to its end.
  public func generate(_ prompt: Prompt, sampling: Sampling = Sampling()) async throws -> Generation {
    var run = try makeRun(prompt, sampling: sampling)
    for await event in run.stream.events {
      run.take(event)
      if run.isDone { break }
    }
    return try run.result()
  }

  /// The answer's text as it appears. Ending the iteration early cancels the generation.
  public func stream(_ prompt: Prompt, sampling: Sampling = Sampling()) throws -> TextStream {
    TextStream(run: try makeRun(prompt, sampling: sampling))
  }
}
