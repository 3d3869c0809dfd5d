import Memberlist
import MemoryTransport
import Serf
import SerfCore
import SerfIdentity
import SerfPrimitives
import SerfTestSupport
import Testing

@Suite("A node's configuration")
struct SerfConfigurationTests {
  /// A setting of one group, changed by the user and read from what the core gets.
  struct Setting: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let change: @Sendable (inout SerfConfiguration) -> Void
    let hasReached: @Sendable (SerfCoreConfiguration) -> Bool

    init<Value: Equatable & Sendable>(
      _ name: String, _ value: Value, _ path: any WritableKeyPath<SerfConfiguration, Value> & Sendable,
      _ inCore: any KeyPath<SerfCoreConfiguration, Value> & Sendable
    ) {
      testDescription = name
      change = { $0[keyPath: path] = value }
      hasReached = { $0[keyPath: inCore] == value }
    }
  }

  static let settings = [
    Setting("probe", Duration.milliseconds(201), \.probe.interval, \.membership.probe.interval),
    Setting("suspicion", 11, \.suspicion.multiplier, \.membership.suspicion.multiplier),
    Setting("gossip", Duration.seconds(12), \.gossip.deadMemberDuration, \.membership.gossip.deadMemberDuration),
    Setting("pushPull", Duration.seconds(13), \.pushPull.interval, \.membership.pushPull.interval),
    Setting("leaving", Duration.seconds(14), \.leaving.propagateDelay, \.leaving.propagateDelay),
    Setting("reaping", Duration.seconds(16), \.reaping.interval, \.reaping.interval),
    Setting("reconnecting", Duration.seconds(17), \.reconnecting.interval, \.reconnecting.interval),
    Setting("userEvents", 1_024, \.userEvents.sizeLimit, \.userEvents.sizeLimit),
    Setting("queries", 513, \.queries.bufferSize, \.queries.bufferSize),
    Setting("queues", 129, \.queues.depthWarning, \.queues.depthWarning),
    Setting("coalescing", Duration.seconds(19), \.coalescing.members.period, \.coalescing.members.period),
    Setting("limits", 99, \.limits.bufferedIntents, \.membership.limits.bufferedIntents),
    Setting("deadNodeReclaimTime", Duration.seconds(18), \.deadNodeReclaimTime, \.membership.deadNodeReclaimTime),
  ]

  @Test("has each group, and its values reach the core", arguments: settings)
  func groups(setting: Setting) {
    var configuration = SerfConfiguration()
    #expect(!setting.hasReached(configuration.core))
    setting.change(&configuration)
    #expect(setting.hasReached(configuration.core))
  }

  @Test(
    "has the timings of its profile",
    arguments: [(.lan, 1_000, 500, 4, 30), (.wan, 5_000, 3_000, 6, 60), (.local, 1_000, 200, 3, 15)]
      as [(SerfConfiguration.Profile, Int, Int, Int, Int)])
  func profiles(profile: SerfConfiguration.Profile, interval: Int, timeout: Int, suspicion: Int, deadMember: Int) {
    let configuration = SerfConfiguration(profile: profile)
    #expect(configuration.probe.interval == .milliseconds(interval))
    #expect(configuration.probe.timeout == .milliseconds(timeout))
    #expect(configuration.suspicion.multiplier == suspicion)
    #expect(configuration.gossip.deadMemberDuration == .seconds(deadMember))
    #expect(configuration.pushPull.interval == .seconds(deadMember))
  }

  @Test("without a name does not fit a transport without a certificate")
  func noName() throws {
    let error = #expect(throws: SerfError.self) { try SerfNode(transport: MemoryHub().transport()) }
    #expect(error?.code == .configuration)
    #expect(error?.message.contains("SerfConfiguration.name") == true)
    #expect(try SerfNode(transport: MemoryHub().transport(), configuration: .init(name: "a")).name == "a")
    // A name that is a value, and not text.
    let name = NodeName(bytes: [0xff])
    #expect(try SerfNode(transport: MemoryHub().transport(), configuration: .init(name: name)).name == name)
  }

  #if QUIC || TLS
    private func credentials(_ node: String) throws -> Credentials {
      let authority = try CertificateAuthority()
      let issued = try authority.issue(node: node)
      return try Credentials(
        pem: .init(authorities: authority.certificatePEM, certificate: issued.certificatePEM, privateKey: issued.privateKeyPEM))
    }
  #endif

  #if QUIC
    @Test("without a name takes that of the certificate over QUIC, and stays as the user made it")
    func quicName() throws {
      let node = try SerfNode(transport: QuicTransport(credentials("web-1"), bind: "127.0.0.1:0"))
      #expect(node.name == "web-1")
      #expect(node.configuration.name == nil)
      let named = try SerfNode(transport: QuicTransport(credentials("web-1"), bind: "127.0.0.1:0"), configuration: .init(name: "web-2"))
      #expect(named.name == "web-2", "the start refuses it, because it is not that of the certificate")
    }
  #endif

  #if TLS
    @Test("without a name takes that of the certificate over TLS")
    func tlsName() throws {
      #expect(try SerfNode(transport: TLSTransport(credentials("web-1"), bind: "127.0.0.1:0")).name == "web-1")
    }
  #endif
}
