import Memberlist
package import SerfCore
public import SerfPrimitives
public import SerfTransport

/// How one node takes part in a cluster.
///
/// The defaults are Serf's for a local network; start from a ``Profile`` that fits the network, and change what you know better for yours.
///
/// ```swift
/// var configuration = SerfConfiguration(profile: .wan)
/// configuration.probe.interval = .seconds(10)
/// configuration.userEvents.sizeLimit = 1_024
/// ```
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

  /// The node's name, unique in the cluster. Default nil: the name in the transport's certificate. If it is set, it must be that name. A transport
  /// without certificates, ``NetTransport``, needs a name here.
  public var name: NodeName?
  /// Facts about this node that every member sees: at most 512 bytes, encoded. Change them later with ``SerfNode/setTags(_:)``.
  public var tags: [String: String]
  /// The members that the node joins by itself once it has started. Default none.
  public var join: Join
  /// The address at which others reach us, if it differs from the one that the transport is bound to: that of one host, with a port. Default none.
  public var advertise: NodeAddress?
  /// Where members may be. Packets and connections from outside these networks are dropped before any other work is done for them, and what others
  /// say about a member outside is not believed. Include the network of this node's own address. The default allows all networks: it has no blocks.
  public var allowedNetworks = AllowedNetworks.all
  /// Looks up the hosts of join addresses. Default ``DefaultResolver``: the system, and DNS for SRV names; ``LiteralResolver`` for no look-ups.
  public var resolver: any AddressResolver = DefaultResolver()

  /// Failure detection: how often members are probed, and how long an answer may take.
  public var probe: SerfSettings.Probe
  /// How long a suspect has to refute.
  public var suspicion: SerfSettings.Suspicion
  /// How news spreads.
  public var gossip: SerfSettings.Gossip
  /// Full exchanges of the member list.
  public var pushPull: SerfSettings.PushPull
  /// How long leaving, and other verbs that wait for the cluster, take.
  public var leaving: SerfSettings.Leaving
  /// When members that are gone are forgotten.
  public var reaping: SerfSettings.Reaping
  /// How failed members are brought back.
  public var reconnecting: SerfSettings.Reconnecting
  /// How large user events may be, and how many are remembered.
  public var userEvents: SerfSettings.UserEvents
  /// How many queries are remembered.
  public var queries: SerfSettings.Queries
  /// Whether the node learns how far other members are.
  public var coordinates: SerfSettings.Coordinates
  /// How many broadcasts may wait to be gossiped.
  public var queues: SerfSettings.Queues
  /// Events that follow each other closely and are delivered together. Default off.
  public var coalescing: SerfSettings.Coalescing
  /// The file in which the node remembers the members and clocks beyond a restart. Default: none is kept. <doc:snapshots> says what it is good for.
  public var snapshot = SerfSettings.Snapshot()
  /// What peers can make a node store.
  public var limits: SerfSettings.Limits
  /// How much a node stores for reliable exchanges in progress.
  public var exchanges = ExchangeLimits()
  /// How long a member must be dead before another address may take its name. Only where names are not proven: with ``NetTransport``. Default zero:
  /// never; a member that left frees its name at once. Set it where members come back under new addresses, longer than a short outage.
  public var deadNodeReclaimTime: Duration
  /// Where the node writes its keys, the primary one first, when a member changes them (``SerfNode/keys``): the file is replaced in one step, and is durable
  /// before the member hears that the change is done. If it cannot be written, nothing changes. Default nil: changes are lost when the program ends.
  /// The node does not read the file; give the transport the ring in it: ``Keyring/init(file:)``.
  public var keyringFile: String?
  /// Whether this node stops when another node has its name, and most members have that one's address for it. Only where names are not proven: with
  /// ``NetTransport`` and TLS. Default true. If it is false, both nodes go on, and each is unreachable for some members.
  public var resolvesNameConflicts = true

  /// What the program decides for the node, and what it is told beside the events. Default: nobody is asked or told. <doc:delegates> says more.
  public var delegate: (any SerfDelegate)?
  /// How large the program's own state and messages may be, and how many calls wait for the delegate.
  public var userData = SerfSettings.UserData()
  /// User events, queries and answers with large payloads, over QUIC. Raise ``userEvents`` `.sizeLimit`, and the limits in ``queries``, to send them.
  public var largeMessages = SerfSettings.LargeMessages()

  /// How often the node's figures go to swift-metrics; they also go there when the node starts and when it stops. Default 10 s. Choose the interval at
  /// which your backend reads: more often only costs time. Zero: only at the start and at the end.
  public var metricsInterval: Duration = .seconds(10)

  /// A node with the timings of `profile`.
  ///
  /// - Parameters:
  ///   - name: the node's name as text, which ``NodeName/init(_:)`` reads. Default nil: the name in the transport's certificate.
  ///   - profile: the kind of network. Default ``Profile/lan``.
  ///   - tags: facts about the node. Default none.
  ///   - join: the members that the node joins by itself. Default none.
  public init(name: String? = nil, profile: Profile = .lan, tags: [String: String] = [:], join: Join = []) {
    self.init(name.map { NodeName($0) }, profile: profile, tags: tags, join: join)
  }

  /// The same, with the name as a value.
  public init(name: NodeName, profile: Profile = .lan, tags: [String: String] = [:], join: Join = []) {
    self.init(name, profile: profile, tags: tags, join: join)
  }

  private init(_ name: NodeName?, profile: Profile, tags: [String: String], join: Join) {
    self.name = name
    self.tags = tags
    self.join = join
    let core: SerfCoreConfiguration =
      switch profile {
      case .lan: .lan
      case .wan: .wan
      case .local: .local
      }
    probe = core.membership.probe
    suspicion = core.membership.suspicion
    gossip = core.membership.gossip
    pushPull = core.membership.pushPull
    limits = core.membership.limits
    deadNodeReclaimTime = core.membership.deadNodeReclaimTime
    leaving = core.leaving
    reaping = core.reaping
    reconnecting = core.reconnecting
    userEvents = core.userEvents
    queries = core.queries
    queues = core.queues
    coalescing = core.coalescing
    coordinates = core.coordinates
  }
}

extension SerfConfiguration {
  /// The settings as the core takes them.
  package var core: SerfCoreConfiguration {
    var membership = MembershipConfiguration(probe: probe, suspicion: suspicion, gossip: gossip, pushPull: pushPull)
    membership.limits = limits
    membership.deadNodeReclaimTime = deadNodeReclaimTime
    var core = SerfCoreConfiguration(membership: membership)
    core.leaving = leaving
    core.reaping = reaping
    core.reconnecting = reconnecting
    core.userEvents = userEvents
    core.queries = queries
    core.queues = queues
    core.coalescing = coalescing
    core.coordinates = coordinates
    core.snapshot = snapshot
    core.userData = userData
    core.largeMessages = largeMessages
    core.resolvesNameConflicts = resolvesNameConflicts
    return core
  }

  /// Finds all mistakes that can be found before anything starts, and gives the node's name: the configured one, or else the one that the transport
  /// proves.
  func checkedName(provenBy transport: some StreamLayerFactory) throws(SerfError) -> NodeName {
    guard let name = name ?? transport.provenName else {
      throw SerfError(
        .configuration, "the node has no name, and its transport has no certificate with one. Give it a name (\(SettingName.name))")
    }
    do throws(SettingOutOfBounds) {
      try join.check()
      try exchanges.check()
      try SettingBounds.check(interval: metricsInterval, "SerfConfiguration.metricsInterval")
    } catch { throw SerfError(error) }
    do throws(SerfCoreError) {
      // Sizes that the transport does not carry are found when the node has one.
      let transport = TransportTraits(statesPeerFeatures: true)
      _ = try NodeCore(core, transport: transport, name: name, address: NodeAddress(ipv4: 127, 0, 0, 1, port: 7946), tags: tags, seed: 0)
    } catch { throw SerfError(error) }
    return name
  }
}
