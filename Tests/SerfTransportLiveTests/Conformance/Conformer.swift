import Logging
import MemoryTransport
import NIOCore
import SerfIdentity
import SerfPrimitives
import SerfTransport
import Testing

/// A transport that must fulfil the contract of `StreamLayer`.
struct Conformer: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let protection: TransportProtection
  /// Whether the peer of a stream has a proven name even if that of a packet has none.
  var provesStreams = false
  /// Whether a bare connection is a stream.
  var isPlainTCP = false
  /// A factory for a node of this name on this port of 127.0.0.1, 0 for one that the kernel chooses. All nodes of one test share a `MemoryHub`.
  let factory: @Sendable (NodeName, UInt16, MemoryHub) throws -> any StreamLayerFactory

  /// Every transport that this build has.
  static var all: [Conformer] {
    var all = [memory, net("TCP and UDP", .clear), net("TCP and UDP with a key and a label", .keyring)]
    #if QUIC
      all.append(quic)
    #endif
    #if TLS
      all.append(tls)
    #endif
    return all
  }

  private static let memory = Conformer(testDescription: "in memory", protection: .clear) { _, port, hub in hub.transport(port: port) }

  private static func net(_ name: String, _ protection: TransportProtection) -> Conformer {
    Conformer(testDescription: name, protection: protection, isPlainTCP: true) { _, port, _ in
      var settings = NetTransport.Settings()
      if protection == .keyring {
        settings.keyring = Keyring(try SecretKey(bytes: [UInt8](repeating: 3, count: 32)))
        settings.label = "conformance"
      }
      return NetTransport(bind: NodeAddress(ipv4: 127, 0, 0, 1, port: port), settings: settings)
    }
  }

  #if QUIC
    private static let quic = Conformer(testDescription: "QUIC", protection: .provenNames, provesStreams: true) { name, port, _ in
      QuicTransport(try credentials(for: name), bind: NodeAddress(ipv4: 127, 0, 0, 1, port: port))
    }
  #endif

  #if TLS
    private static let tls = tls()

    static func tls(cluster: String = "default", acceptedConnections: Int = 120) -> Conformer {
      Conformer(testDescription: "TLS and UDP", protection: .keyring, provesStreams: true) { name, port, _ in
        var settings = TLSTransport.Settings()
        settings.keyring = Keyring(try SecretKey(bytes: [UInt8](repeating: 3, count: 16)))
        settings.acceptedConnections = acceptedConnections
        return try TLSTransport(
          try credentials(for: name, cluster: cluster), bind: NodeAddress(ipv4: 127, 0, 0, 1, port: port), settings: settings)
      }
    }
  #endif

  private static let authority = Result { try CertificateAuthority() }

  static func credentials(for name: NodeName, cluster: String = "default") throws -> Credentials {
    let authority = try authority.get()
    let issued = try authority.issue(node: name.description, cluster: cluster)
    return try Credentials(
      pem: .init(authorities: authority.certificatePEM, certificate: issued.certificatePEM, privateKey: issued.privateKeyPEM),
      cluster: cluster)
  }
}
