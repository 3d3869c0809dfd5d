// swift-tools-version: 6.2.3
import PackageDescription

/// The checks (`Tests/run.sh`) set SERF_CHECKS: a warning is an error then. It is none for others, whose compiler may warn of more.
let checks: [SwiftSetting] = Context.environment["SERF_CHECKS"] == nil ? [] : [.treatAllWarnings(as: .error)]

/// Strict settings for all targets: Swift 6 concurrency, `any` before existentials, imports that do not leak.
let strict: [SwiftSetting] =
  checks + [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
  ]

let nio = "swift-nio"
let zstd: Target.Dependency = .target(name: "CZstd", condition: .when(traits: ["Zstd"]))
let tls: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl", condition: .when(traits: ["TLS"]))
let quic: Target.Dependency = .target(name: "SerfQUIC", condition: .when(traits: ["QUIC"]))

let package = Package(
  name: "swift-serf",
  products: [
    .library(name: "Serf", targets: ["Serf"]),
    .library(name: "SerfTransport", targets: ["SerfTransport"]),
    .library(name: "SerfClient", targets: ["SerfClient"]),
    .executable(name: "serf", targets: ["SerfCommand"]),
  ],
  traits: [
    .trait(name: "QUIC", description: "The QUIC transport (needs libngtcp2-dev and libngtcp2-crypto-gnutls-dev)."),
    .trait(name: "Zstd", description: "zstd besides LZW for compression (needs libzstd-dev)."),
    .trait(name: "TLS", description: "The TLS transport, TLS 1.3 over TCP (by swift-nio-ssl, which takes minutes to build)."),
    .default(enabledTraits: ["QUIC", "Zstd"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    // The pure core: no sockets, files, clocks, threads, Foundation or NIO. Also compiles as Embedded Swift.
    .target(name: "SerfPrimitives", swiftSettings: strict),
    .target(name: "SerfWire", dependencies: ["SerfPrimitives"], swiftSettings: strict),
    .target(name: "Memberlist", dependencies: ["SerfWire", "SerfPrimitives"], swiftSettings: strict),
    .target(name: "SerfCore", dependencies: ["Memberlist", "SerfWire", "SerfPrimitives"], swiftSettings: strict),

    // The C libraries, behind small opaque shims.
    .target(name: "CGnuTLS", linkerSettings: [.linkedLibrary("gnutls")]),
    .target(
      name: "CNgtcp2",
      dependencies: ["CGnuTLS"],
      cSettings: [.define("SERF_QUIC", .when(traits: ["QUIC"]))],
      linkerSettings: [
        .linkedLibrary("ngtcp2", .when(traits: ["QUIC"])),
        .linkedLibrary("ngtcp2_crypto_gnutls", .when(traits: ["QUIC"])),
      ]),
    .target(
      name: "CZstd",
      cSettings: [.define("SERF_ZSTD", .when(traits: ["Zstd"]))],
      linkerSettings: [.linkedLibrary("zstd", .when(traits: ["Zstd"]))]),
    .target(name: "CResolv", linkerSettings: [.linkedLibrary("resolv")]),

    // A network in memory and in virtual time that runs the core.
    .target(name: "SerfSimulator", dependencies: ["SerfCore", "Memberlist", "SerfWire", "SerfPrimitives"], swiftSettings: strict),

    // Certificates and QUIC: still no sockets.
    .target(name: "SerfIdentity", dependencies: ["CGnuTLS", "SerfPrimitives"], swiftSettings: strict),
    .target(
      name: "SerfQUIC",
      dependencies: ["CNgtcp2", "CGnuTLS", "SerfIdentity", "SerfWire", "SerfPrimitives"],
      swiftSettings: strict),

    // Sockets and the public API.
    .target(
      name: "SerfTransport",
      dependencies: [
        "CGnuTLS", "CResolv", "SerfWire", "SerfPrimitives", "SerfIdentity", quic, tls, zstd,
        .product(name: "NIOTLS", package: nio, condition: .when(traits: ["TLS"])),
        .product(name: "NIOCore", package: nio),
        .product(name: "NIOPosix", package: nio),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Metrics", package: "swift-metrics"),
      ],
      swiftSettings: strict),
    .target(
      name: "Serf",
      dependencies: [
        "SerfCore", "Memberlist", "SerfWire", "SerfTransport", "SerfIdentity", "SerfPrimitives",
        .product(name: "NIOCore", package: nio),
        .product(name: "NIOPosix", package: nio),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict),

    // The agent and its command line.
    .target(
      name: "SerfClient",
      dependencies: [
        "SerfWire", "SerfPrimitives",
        .product(name: "NIOCore", package: nio),
        .product(name: "NIOPosix", package: nio),
      ],
      swiftSettings: strict),
    .target(
      name: "SerfAgent",
      dependencies: [
        "Serf", "SerfClient", "SerfCore", "SerfIdentity", "SerfTransport", "SerfWire", "SerfPrimitives",
        .product(name: "NIOCore", package: nio),
        .product(name: "NIOPosix", package: nio),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "SerfCommand",
      dependencies: [
        "Serf", "SerfAgent", "SerfClient", "SerfIdentity", "SerfPrimitives",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      exclude: ["Server"], swiftSettings: strict),

    // Measures the library. No product: a package that depends on this one does not see it.
    .executableTarget(
      name: "serf-bench",
      dependencies: [
        "Serf", "SerfTransport", "SerfIdentity", "SerfPrimitives", "SerfWire",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: nio),
        .product(name: "NIOPosix", package: nio),
      ],
      path: "Sources/SerfBenchmark",
      swiftSettings: strict),

    // Tests mirror the sources. Those with sockets and processes are in targets named …LiveTests: they have limits in real time, so they run after
    // the others, a few at a time.
    .testTarget(name: "SerfPrimitivesTests", dependencies: ["SerfPrimitives"], swiftSettings: strict),
    .testTarget(name: "SerfWireTests", dependencies: ["SerfWire", "SerfPrimitives", "VectorSupport"], swiftSettings: strict),
    .testTarget(
      name: "MemberlistTests", dependencies: ["Memberlist", "SerfWire", "SerfPrimitives", "VectorSupport"], swiftSettings: strict),
    .testTarget(
      name: "SerfCoreTests",
      dependencies: ["SerfCore", "SerfSimulator", "Memberlist", "SerfWire", "SerfPrimitives", "VectorSupport", "Wiretap"],
      swiftSettings: strict),
    .testTarget(
      name: "SerfSimulatorTests", dependencies: ["SerfSimulator", "Memberlist", "SerfWire", "SerfPrimitives"], swiftSettings: strict),
    .testTarget(name: "SerfIdentityTests", dependencies: ["SerfIdentity", "SerfPrimitives"], swiftSettings: strict),
    .testTarget(
      name: "SerfQUICTests",
      dependencies: ["SerfQUIC", "CNgtcp2", "SerfIdentity", "SerfPrimitives", "SerfSimulator", "Memberlist", "Wiretap"],
      swiftSettings: strict),
    .testTarget(
      name: "SerfTransportTests",
      dependencies: [
        "SerfTransport", "SerfPrimitives", "SerfWire", "VectorSupport", zstd,
        .product(name: "NIOCore", package: nio),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "SerfTransportLiveTests",
      dependencies: [
        "SerfTransport", "SerfIdentity", "SerfPrimitives", "MemoryTransport", "SerfTestSupport", tls,
        .product(name: "NIOCore", package: nio),
        .product(name: "NIOPosix", package: nio),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "SerfTests",
      dependencies: [
        "Serf", "SerfCore", "SerfIdentity", "SerfPrimitives", "SerfTransport", "Memberlist", "SerfWire", "MemoryTransport",
        "SerfTestSupport", "Wiretap", quic,
        .product(name: "NIOCore", package: nio),
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "SerfLiveTests",
      dependencies: [
        "Serf", "SerfCore", "SerfIdentity", "SerfPrimitives", "SerfTransport", "Memberlist", "SerfWire", "MemoryTransport",
        "SerfTestSupport", "Wiretap",
        .product(name: "NIOCore", package: nio),
        .product(name: "NIOEmbedded", package: nio),
        .product(name: "NIOPosix", package: nio),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "SerfAgentTests",
      dependencies: [
        "SerfAgent", "Serf", "SerfPrimitives", "MemoryTransport", "SerfTestSupport", "SerfTransport",
        .product(name: "NIOCore", package: nio),
        .product(name: "NIOEmbedded", package: nio),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "SerfClientTests", dependencies: ["SerfClient", "SerfWire", "SerfPrimitives", "RPCTestSupport", "VectorSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "SerfRPCLiveTests",
      dependencies: [
        "SerfAgent", "Serf", "SerfClient", "SerfPrimitives", "RPCTestSupport", "SerfTestSupport", "VectorSupport",
        .product(name: "NIOCore", package: nio),
        .product(name: "NIOPosix", package: nio),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "SerfCommandTests", dependencies: ["SerfCommand", "SerfClient", "SerfIdentity", "SerfPrimitives"], swiftSettings: strict),
    .testTarget(
      name: "SerfCommandLiveTests",
      dependencies: ["SerfCommand", "SerfAgent", "SerfClient", "SerfPrimitives", "RPCTestSupport", "VectorSupport"],
      swiftSettings: strict),
    .testTarget(name: "SerfBenchmarkTests", dependencies: ["serf-bench", "VectorSupport"], swiftSettings: strict),
    .testTarget(name: "SerfBenchLiveTests", dependencies: ["serf-bench", "RPCTestSupport"], swiftSettings: strict),

    // What tests use together, and programs that test.
    .target(
      name: "SerfTestSupport",
      dependencies: [
        "SerfTransport", "SerfIdentity", "SerfPrimitives",
        .product(name: "NIOCore", package: nio),
        .product(name: "NIOEmbedded", package: nio),
        .product(name: "NIOPosix", package: nio),
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "Logging", package: "swift-log"),
      ],
      path: "Tests/Support/SerfTestSupport", swiftSettings: strict),
    // Written with what is public alone, as outside of the package.
    .target(
      name: "MemoryTransport", dependencies: ["SerfTransport", .product(name: "NIOCore", package: nio)],
      path: "Tests/Support/MemoryTransport", packageAccess: false, swiftSettings: strict),
    .target(
      name: "RPCTestSupport",
      dependencies: [
        "SerfClient", "SerfWire", "VectorSupport",
        .product(name: "NIOCore", package: nio),
        .product(name: "NIOPosix", package: nio),
      ],
      path: "Tests/Support/RPCTestSupport", swiftSettings: strict),
    .target(name: "VectorSupport", path: "Tests/Support/VectorSupport", swiftSettings: strict),
    .target(name: "CTestCrypto", path: "Tests/Support/CTestCrypto", linkerSettings: [.linkedLibrary("gnutls")]),
    .target(name: "Wiretap", dependencies: ["CTestCrypto"], path: "Tests/Support/Wiretap", swiftSettings: strict),
    .executableTarget(
      name: "MutateVectors", dependencies: ["SerfWire", "SerfCore", "SerfPrimitives", "VectorSupport"],
      path: "Tests/Support/MutateVectors", swiftSettings: strict),
    // Counts allocations in a release build; see the program.
    .target(name: "CAllocations", path: "Tests/Support/CAllocations"),
    .executableTarget(
      name: "CountAllocations",
      dependencies: [
        "CAllocations", "Serf", "SerfTransport", "SerfIdentity", "SerfCore", "Memberlist", "SerfWire", "SerfPrimitives",
        .product(name: "NIOCore", package: nio),
        .product(name: "NIOPosix", package: nio),
        .product(name: "Logging", package: "swift-log"),
      ],
      path: "Tests/Support/CountAllocations", swiftSettings: strict),
    .executableTarget(
      name: "SpreadTable", dependencies: ["SerfSimulator", "SerfCore", "Memberlist", "SerfPrimitives"], path: "Tests/Support/SpreadTable",
      swiftSettings: strict, linkerSettings: [.linkedLibrary("m")]),
    .executableTarget(
      name: "Interop",
      dependencies: [
        "SerfClient", "SerfPrimitives",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      path: "Tests/interop", exclude: ["run", "soak", "GoMember"], swiftSettings: strict),
  ]
)
