import ArgumentParser
import Foundation
import Martlet

struct MartletCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "martlet",
    abstract: "Serves and runs language models from one native binary.",
    discussion: """
      Try:  martlet serve --model-path model.gguf
            martlet chat model.gguf
            martlet generate model.gguf "The capital of France is"
      """,
    version: martletVersion,
    subcommands: [
      ServeCommand.self, GenerateCommand.self, ChatCommand.self, TokenizeCommand.self, PlanCommand.self,
      GrammarCommand.self, QuantizeCommand.self, ProfileCommand.self, BenchCommand.self,
      DoctorCommand.self,
    ])
}
