#if TLS
  import NIOSSL
  import SerfIdentity
  import SerfPrimitives

  /// Why a handshake failed.
  enum TLSEnd: Hashable {
    /// We do not accept the peer's certificate.
    case peerNotAuthorised(VerificationFailure)
    /// The peer does not accept ours; the TLS alert says why.
    case refusedOurCertificate(meaning: String)
    /// Another member than the expected one answers at the address.
    case wrongName(NodeName)
    /// The peer proves our own name.
    case ownName
    /// It speaks TLS, but not Serf inside.
    case otherProtocol
    case deadline
    /// It closed the connection.
    case broken
    /// The TLS library's own error text.
    case failed(String)

    /// From an error of the TLS library.
    init(_ error: any Error) {
      let stack: NIOBoringSSLErrorStack
      switch error {
      case NIOSSLError.handshakeFailed(.sslError(let errors)), BoringSSLError.sslError(let errors): stack = errors
      default: stack = []
      }
      guard let first = stack.first, first != .eofDuringHandshake else {
        self = .broken
        return
      }
      let reason = Self.reason(of: first)
      if let alert = reason.code.flatMap({ UInt8(exactly: $0 - Self.alertOffset) }),
        let meaning = VerificationFailure.meaning(ofTLSAlert: alert)
      {
        self = .refusedOurCertificate(meaning: meaning)
      } else if reason.name == "PEER_DID_NOT_RETURN_A_CERTIFICATE" {
        self = .peerNotAuthorised(.noCertificate)
      } else {
        self = .failed(reason.name)
      }
    }

    /// What it means for a caller that wanted to reach the peer.
    var contactFailure: ContactFailure {
      switch self {
      case .peerNotAuthorised: .peerCertificateRefused
      case .refusedOurCertificate: .ownCertificateRefused
      case .wrongName: .identityMismatch
      case .ownName: .ownName
      case .otherProtocol, .failed: .refused
      case .deadline: .deadline
      case .broken: .broken
      }
    }

    /// The reason without what the peer chose, for the limit on log lines.
    var cause: String {
      switch self {
      case .peerNotAuthorised(let failure): failure.label
      case .wrongName: "wrongName"
      case .refusedOurCertificate, .ownName, .otherProtocol, .deadline, .broken, .failed: description
      }
    }

    /// The library does not expose its codes, but prints them: "Error: 268436501 error:10000415:SSL routines:OPENSSL_internal:NAME at file:line". The
    /// lowest 12 bits are the reason, and a reason above 1000 is an alert that the peer sent.
    private static func reason(of error: BoringSSLInternalError) -> (code: Int?, name: String) {
      let words = error.description.split(separator: " ")
      let code = words.dropFirst().first.flatMap { UInt32($0) }.map { Int($0 & 0xFFF) }
      let name = error.description.split(separator: ":").first { $0.contains(" at ") }
      return (code, name.map { String($0.prefix { $0 != " " }) } ?? error.description)
    }

    private static let alertOffset = 1000
  }

  extension TLSEnd: CustomStringConvertible {
    /// A clause for logs.
    var description: String {
      switch self {
      case .peerNotAuthorised(let failure): "refused the peer's certificate: \(failure)"
      case .refusedOurCertificate(let meaning): "the peer refused our certificate: \(meaning)"
      case .wrongName(let name): "the address proves another name: \(name)"
      case .ownName: "it has a certificate for our own name. Give each node a name and a certificate of its own"
      case .otherProtocol: "the peer does not speak \(TLSProof.applicationProtocol)"
      case .deadline: "no TLS handshake in time"
      case .broken: "the peer closed the connection during the handshake"
      case .failed(let reason): "no TLS 1.3 handshake (\(reason)). All members of a cluster need the same transport"
      }
    }
  }
#endif
