import Memberlist
import Serf
import SerfPrimitives

extension SerfConfiguration {
  /// The timings of one machine, but ten seconds for an exchange: while other suites keep both cores busy, an event loop can be more than the
  /// profile's one second late.
  static func test(_ name: NodeName, tags: [String: String] = [:]) -> SerfConfiguration {
    var configuration = SerfConfiguration(name: name, profile: .local, tags: tags)
    configuration.pushPull.timeout = .seconds(10)
    return configuration
  }
}
