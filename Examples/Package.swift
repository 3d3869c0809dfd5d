// swift-tools-version: 6.2.3
import PackageDescription

let package = Package(
  name: "serf-examples",
  dependencies: [
    .package(name: "swift-serf", path: ".."),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    .executableTarget(
      name: "QuicNode",
      dependencies: [
        .product(name: "Serf", package: "swift-serf"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ]),
    .executableTarget(name: "TenLines", dependencies: [.product(name: "Serf", package: "swift-serf")]),
  ]
)
