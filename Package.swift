// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"), .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .strictMemorySafety(), .treatAllWarnings(as: .error),
]

func module(
  _ name: String, _ dependencies: [Target.Dependency] = [], linker: [LinkerSetting] = [], exclude: [String] = []
)
  -> Target
{
  .target(
    name: name, dependencies: dependencies, exclude: exclude, swiftSettings: strict, linkerSettings: linker)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: [.byName(name: name)] + dependencies, resources: resources,
    swiftSettings: strict)
}

let package = Package(
  name: "martlet",
  products: [
    .library(name: "Martlet", targets: ["Martlet"]),
    .executable(name: "martlet", targets: ["MartletCLI"]),
  ],
  dependencies: [
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: ["FullFoundation"]),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.30.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.90.0"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.30.0"),
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
  ],
  targets: [
    .target(name: "CMartletKernels", cSettings: [.unsafeFlags(["-O3", "-Wall", "-Wextra", "-Werror"])]),
    .systemLibrary(name: "CPCRE2"),
    module("MartletCore"),
    module("MartletCompute", ["CMartletKernels"]),
    module("MartletModel", ["MartletCore", "MartletCompute"]),
    module("MartletEngine", ["MartletCore"]),
    module("MartletText", ["MartletCore", "CPCRE2"], linker: [.linkedLibrary(":libpcre2-8.a")]),
    module(
      "MartletServer",
      [
        "MartletCore", "MartletText", .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"), .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        .product(name: "GRDB", package: "GRDB.swift"),
      ], exclude: ["Page"]),
    module("Martlet", ["MartletCore", "MartletCompute", "MartletModel", "MartletEngine", "MartletText"]),
    module(
      "MartletBench",
      [
        "Martlet", "MartletCore", "MartletText", .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
      ]),
    .executableTarget(
      name: "MartletCLI",
      dependencies: [
        "Martlet", "MartletCore", "MartletCompute", "MartletModel", "MartletEngine", "MartletText", "MartletServer",
        "MartletBench", .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "Logging", package: "swift-log"),
      ], swiftSettings: strict,
      // The binary carries the Swift runtime, and SQLite, so that it runs where neither is installed.
      linkerSettings: [
        .unsafeFlags([
          "-static-stdlib", "-Xlinker", "--gc-sections", "-L", Context.packageDirectory + "/scripts/static-libraries",
        ]), .linkedLibrary(":libsqlite3.a"), .linkedLibrary("Foundation"),
        .linkedLibrary("FoundationInternationalization"), .linkedLibrary("FoundationEssentials"),
        .linkedLibrary("CoreFoundation"), .linkedLibrary("_FoundationICU"), .linkedLibrary("_FoundationCShims"),
        .linkedLibrary("_FoundationCollections"),
      ]),
    .executableTarget(
      name: "OfflineBatch", dependencies: ["Martlet"], path: "Examples/OfflineBatch", swiftSettings: strict),
    .executableTarget(
      name: "TypedOutput", dependencies: ["Martlet"], path: "Examples/TypedOutput", swiftSettings: strict),
    tests("MartletCore"),
    tests("MartletCompute", ["CMartletKernels"], resources: [.copy("Goldens")]),
    tests(
      "MartletModel", ["CMartletKernels", "Martlet", "MartletCore", "MartletCompute", "MartletText"],
      resources: [.copy("Goldens")]),
    tests("MartletEngine", ["MartletCore"]),
    tests("MartletText", ["MartletCore"], resources: [.copy("Goldens")]),
    tests(
      "MartletServer",
      [
        "MartletCore", "MartletText", .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdTesting", package: "hummingbird"), .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
        .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
      ]),
    tests("MartletBench", ["MartletText"]),
    tests("Martlet", ["MartletCore", "MartletText"]),
  ]
)
