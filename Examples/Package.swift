// swift-tools-version: 6.2.3
import PackageDescription

// As in the package itself: the checks accept no warning.
let settings: [SwiftSetting] = Context.environment["SERF_CHECKS"] == nil ? [] : [.treatAllWarnings(as: .error)]

let serf: Target.Dependency = .product(name: "Serf", package: "swift-serf")
let serfTransport: Target.Dependency = .product(name: "SerfTransport", package: "swift-serf")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let services: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")

let package = Package(
  name: "serf-examples",
  products: [.executable(name: "toyconsul", targets: ["ToyConsul"])],
  dependencies: [
    .package(name: "swift-serf", path: ".."),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    .executableTarget(name: "TenLines", dependencies: [serf], swiftSettings: settings),
    .executableTarget(name: "QuicNode", dependencies: [serf, logging, services], swiftSettings: settings),
    .executableTarget(
      name: "PublicFace",
      dependencies: ["Counting", serf, logging, services, .product(name: "NIOPosix", package: "swift-nio")],
      swiftSettings: settings),
    // A registry of services: agents, and a command that asks them.
    .executableTarget(
      name: "ToyConsul",
      dependencies: [
        serf, logging, services, .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: settings),

    // A transport of one's own, around another.
    .target(
      name: "Counting", dependencies: [serfTransport, .product(name: "NIOCore", package: "swift-nio")], swiftSettings: settings),

    // A program whose own names are as short as they like.
    .target(name: "OwnNames", swiftSettings: settings),
    .target(
      name: "Collides", dependencies: ["OwnNames", serf, serfTransport, .product(name: "SerfClient", package: "swift-serf")],
      swiftSettings: settings),
  ]
)
