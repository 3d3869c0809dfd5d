public import SerfCore
public import SerfPrimitives
public import SerfTransport

/// How one node takes part in a cluster.
///
/// The defaults are Serf's for a local network; start from a ``Profile`` that fits the network, and change what you know better for yours.
public struct SerfConfiguration: Sendable {
  /// The kind of network for which the timings are tuned.
  @nonexhaustive
  public enum Profile: String, Hashable, Sendable, CaseIterable {
    /// A local network or one datacenter: a crash is known within seconds.
    case lan
    /// Across sites: slower to accuse a member, and less traffic.
    case wan
    /// One machine: quick, for tests and demonstrations.
    case local
  }

  /// The node's name, unique in the cluster. With QUIC it must be the name in the node's certificate.
  public var name: NodeName
  /// Facts about this node that every member sees: at most 512 bytes, encoded. Change them later with ``SerfNode/setTags(_:)``.
  public var tags: [String: String]
  /// The members that the node joins by itself once it has started. Default none.
  public var join: Join
  /// The address at which others reach us, if it differs from the one that the transport is bound to: that of one host, with a port. Default none.
  public var advertise: NodeAddress?
  /// Where members may be. Packets and connections from outside these networks are dropped before any other work is done for them, and what others
  /// say about a member outside is not believed. Include the network of this node's own address. The default allows all networks: it has no blocks.
  public var allowedNetworks = AllowedNetworks.all
  /// Every timing and limit of the protocol.
  public var core: SerfCoreConfiguration
  /// Looks up the hosts of join addresses. Default ``DefaultResolver``: the system, and DNS for SRV names; ``LiteralResolver`` for no look-ups.
  public var resolver: any AddressResolver = DefaultResolver()
  /// How much a node stores for reliable exchanges in progress.
  public var exchanges = ExchangeLimits()

  /// How often the node's figures go to swift-metrics; they also go there when the node starts and when it stops. Default 10 s. Choose the interval at
  /// which your backend reads: more often only costs time. Zero: only at the start and at the end.
  public var metricsInterval: Duration = .seconds(10)

  /// A node called `name` with the timings of `profile`, which joins through `join`.
  public init(name: NodeName, profile: Profile = .lan, tags: [String: String] = [:], join: Join = []) {
    self.name = name
    self.tags = tags
    self.join = join
    core =
      switch profile {
      case .lan: .lan
      case .wan: .wan
      case .local: .local
      }
  }

  /// The same, with the name as text, which ``NodeName/init(_:)`` reads.
  public init(name: String, profile: Profile = .lan, tags: [String: String] = [:], join: Join = []) {
    self.init(name: NodeName(name), profile: profile, tags: tags, join: join)
  }
}

extension SerfConfiguration {
  /// Finds all mistakes that can be found before anything starts.
  func validate() throws(SerfError) {
    do throws(SerfCoreError) {
      _ = try NodeCore(core, name: name, address: NodeAddress(ipv4: 127, 0, 0, 1, port: 7946), tags: tags, seed: 0)
    } catch { throw SerfError(error) }
  }
}
