#if QUIC
  import Logging
  import Memberlist
  import NIOCore
  import Serf
  import SerfCore
  import SerfIdentity
  import SerfPrimitives
  import SerfTestSupport
  import SerfTransport
  import Testing

  /// Whole nodes, from the driver down to ngtcp2, on one virtual network in virtual time: all except the kernel's sockets.
  final class EmbeddedCluster {
    let network: EmbeddedUDP
    let authority: CertificateAuthority
    private(set) var nodes: [VirtualNode] = []
    private var seeds: SeededRandom

    init(seed: UInt64) throws {
      network = EmbeddedUDP(seed: seed)
      seeds = SeededRandom(seed: seed ^ 0x5eed)
      authority = try CertificateAuthority()
    }

    /// Credentials for a node: a new certificate of this cluster's authority, which is the one it trusts.
    func credentials(_ name: NodeName) throws -> Credentials {
      try Self.credentials(authority.issue(node: name.description), believing: [authority])
    }

    /// Credentials with this certificate for a node that trusts these authorities.
    static func credentials(
      _ issued: CertificateAuthority.Issued, believing authorities: [CertificateAuthority]
    ) throws -> Credentials {
      try Credentials(
        pem: .init(
          authorities: authorities.flatMap(\.certificatePEM), certificate: issued.certificatePEM, privateKey: issued.privateKeyPEM))
    }

    /// A running node; with `credentials` it uses those of a restarted node.
    @discardableResult
    func start(
      _ name: NodeName, port: UInt16 = 0, credentials: Credentials? = nil, profile: SerfConfiguration.Profile = .lan,
      transport: QuicTransport.Settings = .init(), clockError: Duration = .zero, features: PeerFeatures = .ours,
      _ adjust: (inout SerfConfiguration) -> Void = { _ in }
    ) throws -> VirtualNode {
      var configuration = SerfConfiguration(profile: profile)
      adjust(&configuration)
      let node = try VirtualNode(
        name, configuration, credentials: credentials ?? self.credentials(name), port: port, settings: transport, seed: seeds.next(),
        clock: CivilClock(network, error: clockError), features: features, on: network)
      nodes.append(node)
      return node
    }

    /// The node disappears without a leave, as after kill -9.
    func kill(_ node: VirtualNode) {
      node.vanish()
      nodes.removeAll { $0 === node }
    }

    /// How often any running node began to suspect a member.
    var suspicions: Int { nodes.map { $0.counter("suspicions") }.reduce(0, +) }

    /// Lets time pass until every running node sees exactly these members alive.
    func converge(on names: [NodeName], within limit: Duration) -> Bool {
      network.advance(upTo: limit) { nodes.allSatisfy { $0.names(.alive) == names.sorted() } }
    }
  }

  /// A node's civil clock: right when the test begins, and running in virtual time.
  final class CivilClock {
    /// By how much the clock is wrong.
    var error: Duration
    private let origin: UTCTime
    private let network: EmbeddedUDP

    init(_ network: EmbeddedUDP, error: Duration) {
      self.error = error
      self.network = network
      origin = .now - .nanoseconds(Instant.now(on: network.loop).nanoseconds)
    }

    var time: UTCTime { origin + .nanoseconds(Instant.now(on: network.loop).nanoseconds) + error }
  }

  /// One node of a ``EmbeddedCluster``.
  final class VirtualNode {
    let driver: NodeDriver
    let layer: QUICLayer
    let rotation: CredentialRotation
    let credentials: Credentials
    let clock: CivilClock
    let events: SerfSubscription<SerfEvent>
    let subscribers = EventSubscribers()
    let name: NodeName
    private let socket: any DatagramSocket
    private let network: EmbeddedUDP
    let lines: LineRecorder
    let metrics = MetricsRecorder()

    init(
      _ name: NodeName, _ configuration: SerfConfiguration, credentials: Credentials, port: UInt16, settings: QuicTransport.Settings,
      seed: UInt64, clock: CivilClock, features: PeerFeatures = .ours, on network: EmbeddedUDP
    ) throws {
      self.credentials = credentials
      self.network = network
      self.clock = clock
      self.name = name
      socket = network.socket(port: port)
      rotation = CredentialRotation(credentials)
      let lines = LineRecorder()
      self.lines = lines
      var logger = Logger(label: name.description) { _ in lines.handler }
      logger.logLevel = .debug
      let context = StreamLayerContext(
        nodeName: name, advertise: nil, probeTimeout: configuration.probe.timeout, probeInterval: configuration.probe.interval,
        allowedNetworks: configuration.allowedNetworks, logger: logger)
      layer = QUICLayer(
        socket: socket, rotation: rotation, settings: settings, context: context, features: features, on: network.loop,
        civilTime: { clock.time })
      events = subscribers.subscribe(bufferLimit: 1 << 20)
      driver = try NodeDriver(
        configuration, name: name, seed: seed, layer: layer, on: network.loop, logger: logger, subscribers: subscribers,
        metrics: NodeMetrics(node: name, factory: metrics))
      driver.start()
    }

    var address: NodeAddress { driver.localAddress }

    /// The members of one status, by name.
    func names(_ status: MemberStatus) -> [NodeName] { driver.members.filter { $0.status == status }.map(\.name) }

    /// A figure of its statistics.
    func counter(_ key: String) -> Int {
      guard let value = driver.statistics[key] else {
        Issue.record("no figure is called \(key)")
        return 0
      }
      return Int(clamping: value)
    }

    func member(_ name: NodeName) -> SerfMember? { driver.members.first { $0.name == name } }

    /// Asks for a join. The result has its outcome once time has passed.
    @discardableResult
    func join(_ other: NodeAddress, name: NodeName? = nil, ignoreOld: Bool = true) -> JoinOutcome {
      let outcome = JoinOutcome()
      driver.join([.init(other, name: name)], ignoreOld: ignoreOld) { result in
        outcome.failures = (try? result.get())?.map { $0.failure.map { "\($0)" } ?? "" }
      }
      return outcome
    }

    func userEvent(_ name: String, payload: [UInt8] = []) { driver.userEvent(Array(name.utf8), payload: payload, coalesce: false) { _ in } }

    /// All events that this node's subscriber saw since the last call.
    func takeEvents() async -> [SerfEvent] {
      var taken: [SerfEvent] = []
      var iterator = events.makeAsyncIterator()
      while events.waiting > 0, let event = await iterator.next() { taken.append(event) }
      return taken
    }

    func vanish() {
      _ = socket.close(on: network.loop)
      layer.abandon()
    }
  }

  final class JoinOutcome {
    /// Nil until the join has ended; then one entry per address, empty if it succeeded.
    var failures: [String]?
    var succeeded: Bool { failures?.contains("") ?? false }
  }
#endif
