import ArgumentParser
import Logging
import Serf

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

  func make(_ name: String, profile: SerfConfiguration.Profile, logger: Logger) throws -> SerfNode {
    let configuration = SerfConfiguration(name: name, profile: profile)
    #if QUIC
      if let authority {
        let issued = try authority.issue(node: name)
        let credentials = try Credentials(
          pem: .init(authorities: authority.certificatePEM, certificate: issued.certificatePEM, privateKey: issued.privateKeyPEM))
        return try SerfNode(transport: QuicTransport(credentials, bind: "127.0.0.1:0"), configuration: configuration, logger: logger)
      }
    #endif
    let transport = NetTransport(bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0))
    return try SerfNode(transport: transport, configuration: configuration, logger: logger)
  }
}
