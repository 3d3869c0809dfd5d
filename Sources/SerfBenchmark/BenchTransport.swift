import ArgumentParser
import Logging
import Serf
import SerfTransport

/// The transport of the nodes that are measured.
enum BenchTransport: String, ExpressibleByArgument, CaseIterable {
  #if QUIC
    case quic
  #endif
  case tcp

  static var `default`: BenchTransport {
    #if QUIC
      .quic
    #else
      .tcp
    #endif
  }
}

extension BenchTransport {
  /// Whether connections begin with a handshake that proves names.
  var provesNames: Bool { self != .tcp }
}

/// What proves a node's name over QUIC, as PEM texts; empty for TCP. They go to another process, too.
struct NodePapers {
  var authorities: [UInt8] = []
  var certificate: [UInt8] = []
  var privateKey: [UInt8] = []
}

/// Makes nodes, each at a port of 127.0.0.1 that the kernel chooses.
struct NodeFactory {
  let transport: BenchTransport
  #if QUIC
    /// All certificates come from one throw-away authority.
    private let authority: CertificateAuthority?
  #endif

  init(_ transport: BenchTransport) throws {
    self.transport = transport
    #if QUIC
      authority = transport == .quic ? try CertificateAuthority() : nil
    #endif
  }

  /// The papers of a node of this cluster.
  func papers(_ name: String) throws -> NodePapers {
    #if QUIC
      if let authority {
        let issued = try authority.issue(node: name)
        return NodePapers(authorities: authority.certificatePEM, certificate: issued.certificatePEM, privateKey: issued.privateKeyPEM)
      }
    #endif
    return NodePapers()
  }

  func make(_ name: String, _ conditions: Conditions) throws -> SerfNode {
    try Self.make(name, papers(name), transport: transport, profile: conditions.profile)
  }

  /// The transport alone, for what is measured without a node.
  static func layer(_ papers: NodePapers, transport: BenchTransport) throws -> any StreamLayerFactory {
    #if QUIC
      if transport == .quic {
        let pem = Credentials.PEM(authorities: papers.authorities, certificate: papers.certificate, privateKey: papers.privateKey)
        return try QuicTransport(Credentials(pem: pem), bind: "127.0.0.1:0")
      }
    #endif
    return NetTransport(bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0))
  }

  static func make(_ name: String, _ papers: NodePapers, transport: BenchTransport, profile: String) throws -> SerfNode {
    let configuration = SerfConfiguration(name: name, profile: SerfConfiguration.Profile(rawValue: profile) ?? .lan)
    var logger = Logger(label: "serf")
    logger.logLevel = .critical
    return try SerfNode(transport: layer(papers, transport: transport), configuration: configuration, logger: logger)
  }
}
