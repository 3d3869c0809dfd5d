// swift-tools-version: 6.2.3
import PackageDescription

let serf: Target.Dependency = .product(name: "Serf", package: "swift-serf")
let serfTransport: Target.Dependency = .product(name: "SerfTransport", package: "swift-serf")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let services: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")

let package = Package(
  name: "serf-examples",
  dependencies: [
    .package(name: "swift-serf", path: ".."),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    .executableTarget(name: "TenLines", dependencies: [serf]),
    .executableTarget(name: "QuicNode", dependencies: [serf, logging, services]),
    .executableTarget(
      name: "PublicFace",
      dependencies: ["Counting", serf, logging, services, .product(name: "NIOPosix", package: "swift-nio")]),

    // A transport of one's own, around another.
    .target(name: "Counting", dependencies: [serfTransport, .product(name: "NIOCore", package: "swift-nio")]),

    // A program whose own names are as short as they like.
    .target(name: "OwnNames"),
    .target(
      name: "Collides", dependencies: ["OwnNames", serf, serfTransport, .product(name: "SerfClient", package: "swift-serf")]),
  ]
)
