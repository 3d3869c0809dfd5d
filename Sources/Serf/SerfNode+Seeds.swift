import Memberlist
import SerfPrimitives
import Synchronization

/// The seeds that a node keeps dialling (`serf.md` section 12). The core decides when; here they are looked up, anew each time.
extension SerfNode {
  /// Keeps dialling `addresses`, for as long as the node lives, where they are no live members. They replace those of the call before.
  package func keepSeeds(_ addresses: [String]) {
    permanentSeeds.withLock { $0 = addresses }
    tellDriver { if $0.status != .shutDown { $0.keepSeeds(addresses.count) } }
  }

  /// How long this node leaves the seeds alone after its start, so that the members of a cluster that restarts do not dial at once.
  ///
  /// - Throws: as ``members()``.
  package func firstDialPause() async throws -> Duration {
    try await call { driver, done in done(.success(driver.firstDialPause)) }
  }

  /// The core wants to dial a seed. The look-up does not keep the node.
  func lookUpSeeds(for driver: NodeDriver) {
    let addresses = permanentSeeds.withLock { $0 }
    let resolver = JoinAddressResolver(configuration, bound: driver.localAddress, advertised: driver.localMember?.address)
    Task { [weak self] in
      let targets = await resolver.resolve(addresses).compactMap(\.target)
      self?.tellDriver { $0.seedsFound(targets) }
    }
  }
}
