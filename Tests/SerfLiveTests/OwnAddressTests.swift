import Logging
import MemoryTransport
import NIOCore
import Serf
import SerfTestSupport
import SerfTransport
import Synchronization
import Testing

/// A list of members to join that names the node itself.
@Suite struct OwnAddressTests {
  private static let interfaces = ["10.0.0.5", "192.168.7.1", "fd00::5", "fe80::5%2"].map { NodeAddress(parsing: $0, defaultPort: 0)! }

  @Test(
    "a dialled address reaches the node itself where it is bound, advertised, or bound to all of the machine's addresses",
    arguments: [
      // Bound to one address.
      (
        "10.0.0.5:7946", nil, ["10.0.0.5:7946", "[::ffff:10.0.0.5]:7946"],
        ["10.0.0.5:7947", "127.0.0.1:7946", "0.0.0.0:7946", "10.0.0.6:7946"]
      ),
      ("127.0.0.1:7946", nil, ["127.0.0.1:7946", "0.0.0.0:7946"], ["127.0.0.2:7946", "10.0.0.5:7946", "[::1]:7946", "[::]:7946"]),
      ("[::1]:7946", nil, ["[::1]:7946", "[::]:7946"], ["127.0.0.1:7946", "0.0.0.0:7946"]),
      ("[fe80::5%2]:7946", nil, ["[fe80::5%2]:7946", "[fe80::5]:7946"], ["[fe80::5%3]:7946"]),
      // Bound to any IPv4 address: a process that listens at the same port on IPv6 is another one.
      (
        "0.0.0.0:7946", nil,
        ["10.0.0.5:7946", "192.168.7.1:7946", "127.0.0.1:7946", "127.9.9.9:7946", "0.0.0.0:7946", "[::ffff:127.0.0.1]:7946"],
        ["10.0.0.6:7946", "10.0.0.5:7947", "[fd00::5]:7946", "[::1]:7946"]
      ),
      // Bound to any address of both families.
      (
        "[::]:7946", nil,
        ["10.0.0.5:7946", "[fd00::5]:7946", "[fe80::5%2]:7946", "127.0.0.1:7946", "[::1]:7946", "[::]:7946", "0.0.0.0:7946"],
        ["[fd00::6]:7946", "[::1]:7947"]
      ),
      // Advertised at another address, with another port.
      ("10.0.0.5:7946", "203.0.113.9:17946", ["203.0.113.9:17946", "10.0.0.5:7946"], ["203.0.113.9:7946"]),
    ] as [(String, String?, [String], [String])])
  func table(bound: String, advertised: String?, own: [String], others: [String]) throws {
    func address(_ text: String) throws -> NodeAddress { try #require(NodeAddress(parsing: text, defaultPort: 7946)) }
    let addresses = OwnAddresses(bound: try address(bound), advertised: try advertised.map(address), interfaces: Self.interfaces)
    for text in own { #expect(addresses.contains(try address(text)), "\(bound): \(text)") }
    for text in others { #expect(!addresses.contains(try address(text)), "\(bound): \(text)") }
  }

  // MARK: Joins

  /// All attempts of a join.
  private final class Attempts: Sendable {
    private let state = Mutex<[JoinAttempt]>([])
    func add(_ attempt: JoinAttempt) { state.withLock { $0.append(attempt) } }
    var all: [JoinAttempt] { state.withLock { $0 } }
  }

  private func checkJoins(_ bind: (NodeName) throws -> any StreamLayerFactory, dead: NodeAddress) async throws {
    func node(_ name: NodeName, log: LineRecorder) async throws -> SerfNode {
      func make(_ transport: some StreamLayerFactory) throws -> SerfNode {
        try SerfNode(transport: transport, configuration: SerfConfiguration.test(name), logger: Logger(label: "serf") { _ in log.handler })
      }
      let node = try make(try bind(name))
      try await node.start()
      return node
    }
    let log = LineRecorder()
    let other = try await node("other", log: LineRecorder())
    let otherAddress = try await other.localAddress()
    let alone = try await node("alone", log: log)
    let own = try await alone.localAddress()
    // Only itself, in two forms: nothing is dialled, no other member is blamed, and it is no error.
    let attempts = Attempts()
    #expect(try await alone.join([own.description, own.mapped.description]) { attempts.add($0) } == 0)
    #expect(attempts.all.map(\.reason) == [.isSelf, .isSelf])
    // An address that it cannot reach does not make it an error.
    #expect(try await alone.join(["\(own)", "\(dead)"]) == 0)
    #expect(try await alone.members().map(\.name) == ["alone"])
    #expect(
      !log.lines.contains { $0.contains("turned away") || $0.contains("cannot reach \(own)") || $0.contains("at \(own)") }, "\(log.lines)")
    await #expect(throws: SerfError.self) { try await alone.join(["\(dead)"]) }
    // One other is enough, and counts alone.
    #expect(try await alone.join(["\(own)", "\(otherAddress)", "\(dead)"]) == 1)
    try await eventually("both see both") { try await other.members().count == 2 }
    await alone.shutdown()
    await other.shutdown()
  }

  private let dead = NodeAddress(ipv4: 127, 0, 0, 1, port: 60_001)

  @Test("the node's own address is neither a success nor a failure: over TCP and UDP")
  func net() async throws {
    try await checkJoins({ _ in NetTransport(bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0)) }, dead: dead)
  }

  #if QUIC || TLS
    private static func credentials(_ name: NodeName, _ authority: CertificateAuthority) throws -> Credentials {
      let issued = try authority.issue(node: name.description)
      return try Credentials(
        pem: .init(authorities: authority.certificatePEM, certificate: issued.certificatePEM, privateKey: issued.privateKeyPEM))
    }
  #endif

  #if QUIC
    @Test("the node's own address is neither a success nor a failure: over QUIC")
    func quic() async throws {
      let authority = try CertificateAuthority()
      try await checkJoins(
        { QuicTransport(try Self.credentials($0, authority), bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0)) }, dead: dead)
    }
  #endif

  #if TLS
    @Test("the node's own address is neither a success nor a failure: over TLS")
    func tls() async throws {
      let authority = try CertificateAuthority()
      var settings = TLSTransport.Settings()
      settings.keyring = Keyring(.generate())
      try await checkJoins(
        { try TLSTransport(try Self.credentials($0, authority), bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0), settings: settings) },
        dead: dead)
    }
  #endif

  @Test("a host name for several machines is asked at the others")
  func hosts() async throws {
    let hub = MemoryHub()
    final class Table: AddressResolver {
      let hosts = Mutex<[String: [NodeAddress]]>([:])
      func resolve(_ host: String, port: UInt16) async throws -> [NodeAddress] {
        guard let found = hosts.withLock({ $0[host] }) else { throw ResolutionError(.notFound, host: host, "no such host") }
        return found
      }
    }
    let table = Table()
    var configuration = SerfConfiguration.test("a")
    configuration.resolver = table
    let node = try SerfNode(transport: hub.transport(), configuration: configuration)
    let other = try SerfNode(transport: hub.transport(), configuration: SerfConfiguration.test("b"))
    try await other.start()
    let (own, elsewhere) = (try await node.localAddress(), try await other.localAddress())
    table.hosts.withLock { $0 = ["all": [own, elsewhere], "mine": [own], "dead": [own, dead]] }
    #expect(try await node.join(["mine"]) == 0)
    #expect(try await node.join(["dead"]) == 0)
    #expect(try await node.join(["all", "mine"]) == 1)
    await node.shutdown()
    await other.shutdown()
  }
}
