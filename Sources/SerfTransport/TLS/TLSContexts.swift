#if TLS
  import NIOSSL
  import SerfIdentity
  import SerfPrimitives
  import Synchronization

  /// Our credentials in the form that the TLS library needs, for both roles (`secure-transport.md` section 1).
  struct TLSContexts: Sendable {
    let credentials: Credentials
    let client: NIOSSLContext
    let server: NIOSSLContext

    init(_ credentials: Credentials) throws(SerfError) {
      self.credentials = credentials
      do {
        let chain = try credentials.identity.chain.map {
          NIOSSLCertificateSource.certificate(try NIOSSLCertificate(bytes: $0, format: .der))
        }
        let key = NIOSSLPrivateKeySource.privateKey(
          try credentials.privateKeyPEM.withArray { try NIOSSLPrivateKey(bytes: $0, format: .pem) })
        client = try Self.context(.makeClientConfiguration(), chain, key)
        server = try Self.context(.makeServerConfiguration(certificateChain: chain, privateKey: key), chain, key)
      } catch {
        throw SerfError(
          .credentials, "the TLS library refuses the certificate or its key; issue a new pair with 'serf certs node'", cause: error)
      }
    }

    /// TLS 1.3, both sides with a certificate. The library does not decide which peers are trusted: ``TLSProof`` does.
    private static func context(
      _ base: TLSConfiguration, _ chain: [NIOSSLCertificateSource], _ key: NIOSSLPrivateKeySource
    ) throws -> NIOSSLContext {
      var configuration = base
      configuration.minimumTLSVersion = .tlsv13
      configuration.certificateVerification = .noHostnameVerification
      configuration.trustRoots = .certificates([])
      configuration.certificateChain = chain
      configuration.privateKey = key
      configuration.applicationProtocols = [TLSProof.applicationProtocol]
      // The library does not use Ed25519 unless it is named.
      configuration.verifySignatureAlgorithms = [
        .ecdsaSecp256R1Sha256, .ecdsaSecp384R1Sha384, .ed25519, .rsaPssRsaeSha256, .rsaPssRsaeSha384, .rsaPssRsaeSha512,
      ]
      return try NIOSSLContext(configuration: configuration)
    }
  }

  /// The credentials in force of one transport.
  final class TLSIdentity: Sendable {
    private let contexts: Mutex<TLSContexts>

    init(_ credentials: Credentials) throws(SerfError) { contexts = Mutex(try TLSContexts(credentials)) }

    var current: TLSContexts { contexts.withLock { $0 } }

    func replace(_ credentials: Credentials) throws(SerfError) {
      let new = try TLSContexts(credentials)
      try contexts.withLock { contexts throws(SerfError) in
        try credentials.check(succeeding: contexts.credentials)
        contexts = new
      }
    }
  }
#endif
