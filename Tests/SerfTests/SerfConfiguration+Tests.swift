import Memberlist
import Serf
import SerfPrimitives

extension SerfConfiguration {
  /// The timings of one machine, but ten seconds for an exchange: while other suites keep both cores busy, an event loop can be late by more than
  /// the one second of the profile.
  static func test(_ name: NodeName, tags: [String: String] = [:]) -> SerfConfiguration {
    var configuration = SerfConfiguration(name: name, profile: .local, tags: tags)
    configuration.core.membership.pushPull.timeout = .seconds(10)
    return configuration
  }
}
