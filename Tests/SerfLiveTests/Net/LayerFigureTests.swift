import Logging
import Memberlist
import NIOCore
import NIOPosix
import Serf
import SerfCore
import SerfIdentity
import SerfPrimitives
import SerfTransport
import Testing

/// The figures of the transports that come with the library.
@Suite struct LayerFigureTests {
  enum Kind: CaseIterable {
    case tcp
    #if TLS
      case tls
    #endif
    #if QUIC
      case quic
    #endif

    func factory() throws -> any StreamLayerFactory {
      let address = NodeAddress(ipv4: 127, 0, 0, 1, port: 0)
      let authority = try CertificateAuthority()
      let issued = try authority.issue(node: "a")
      let credentials = try Credentials(
        pem: .init(authorities: authority.certificatePEM, certificate: issued.certificatePEM, privateKey: issued.privateKeyPEM))
      switch self {
      case .tcp: return NetTransport(bind: address)
      #if TLS
        case .tls:
          var settings = TLSTransport.Settings()
          settings.allowsClearPackets = true
          return try TLSTransport(credentials, bind: address, settings: settings)
      #endif
      #if QUIC
        case .quic: return QuicTransport(credentials, bind: address)
      #endif
      }
    }
  }

  @Test("have names that neither the node nor another figure uses, and connections are a gauge", arguments: Kind.allCases)
  func names(kind: Kind) async throws {
    let factory = try kind.factory()
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let context = StreamLayerContext(
      nodeName: "a", advertise: nil, probeTimeout: .seconds(1), probeInterval: .seconds(1), allowedNetworks: .all,
      logger: Logger(label: "serf"))
    let figures = try await loop.flatSubmit {
      factory.bind(on: loop, context: context).flatMap { layer in
        let figures = layer.value.figures
        return layer.value.shutdown(reason: .shutdown, at: .now(on: loop)).map { figures }
      }
    }.get()
    let core = try NodeCore(.lan, name: "a", address: NodeAddress(ipv4: 127, 0, 0, 1, port: 7946), seed: 1)
    let statistics = SerfStatistics(
      node: core.statistics, events: core.counters, gossip: core.membership.counters, transport: ExchangeCounters().figures + figures,
      status: .alive, lateness: .zero, isEncrypted: false)
    let printed = statistics.figures.filter { $0.section == "transport" }
    #expect(printed.map(\.key) == (ExchangeCounters().figures + figures).map(\.name))
    #expect(printed.filter { $0.kind == .gauge }.map(\.key) == ["connections"])
    #expect(Set(statistics.figures.map(\.metric)).count == statistics.figures.count)
  }
}
