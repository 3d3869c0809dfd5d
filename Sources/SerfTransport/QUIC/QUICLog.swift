#if QUIC
  import Logging
  import SerfIdentity
  import SerfPrimitives
  import SerfQUIC

  /// Logs how connections end. If an operator must act, because of a certificate or a name that does not fit, it is a warning.
  final class QUICLog {
    private let logger: Logger
    private var limiter = LogLimiter()

    init(_ logger: Logger) { self.logger = logger }

    func confirmed(_ peer: Peer, _ role: QUICRole) {
      guard logger.logLevel <= .debug else { return }
      logger.debug(
        "quic: connected \(role == .client ? "to" : "from") \(peer.provenName?.description ?? "?") at \(peer.address)",
        metadata: .about(peer))
    }

    func closed(_ peer: Peer, _ end: QUICEnd, at now: Instant) {
      write("closed", peer.provenName?.description ?? "", end, .about(peer, because: end.description), at: now) {
        "quic: connection with \(peer.provenName?.description ?? "?") at \(peer.address) ended: \(end)"
      }
    }

    func dialFailed(_ address: NodeAddress, _ expectation: DialExpectation, _ end: QUICEnd, at now: Instant) {
      let name: NodeName? = if case .name(let name) = expectation { name } else { nil }
      write("dial", address.description, end, .about(name, at: address, because: end.description), at: now) {
        guard end != .ourselves else { return "quic: \(address) leads to this node itself" }
        return switch expectation {
        case .name(let name): "quic: cannot reach \(name) at \(address): \(end)"
        case .anyMember: "quic: cannot reach a member at \(address): \(end)"
        }
      }
    }

    func turnedAway(_ address: NodeAddress, _ end: QUICEnd, at now: Instant) {
      // By host: a client's port changes with every try.
      write("turned away", address.host, end, .about(at: address, because: end.description), at: now) {
        "quic: turned away \(address): \(end)"
      }
    }

    /// One line for all of them: an attacker that can send from anywhere can name any source.
    func notAllowed(_ source: NodeAddress, at now: Instant) {
      guard logger.logLevel <= .warning, let withheld = limiter.admit("not allowed", about: "", at: now) else { return }
      logger.warning(
        """
        quic: dropped a datagram from \(source), which is in none of the allowed networks (\(SettingName.allowedNetworks))\
        \(withheld > 0 ? "; \(withheld) more before it" : "")
        """,
        metadata: .about(at: source, because: "it is in none of the allowed networks (\(SettingName.allowedNetworks))"))
    }

    /// A member's hello names an address from which we would not accept packets.
    func claimNotAllowed(_ address: NodeAddress, by peer: Peer, at now: Instant) {
      let name = peer.provenName?.description ?? "?"
      guard logger.logLevel <= .warning, let withheld = limiter.admit("claim not allowed", about: name, at: now) else { return }
      logger.warning(
        """
        quic: \(name), connected from \(peer.address), says that its address is \(address), which is in none of the allowed networks \
        (\(SettingName.allowedNetworks)); this address is ignored. Let it advertise an address in one of them (\(SettingName.advertise))\
        \(withheld > 0 ? " (and \(withheld) more like it)" : "")
        """,
        metadata: .about(peer, because: "\(address) is in none of the allowed networks (\(SettingName.allowedNetworks))"))
    }

    func exceeded(_ peer: Peer, at now: Instant) {
      let name = peer.provenName?.description ?? "?"
      guard logger.logLevel <= .warning, let withheld = limiter.admit("exceeded", about: name, at: now) else { return }
      let again = withheld > 0 ? " (and \(withheld) more like it)" : ""
      logger.warning(
        "quic: \(name) at \(peer.address) sends more than one member is allowed to; the excess is dropped\(again)",
        metadata: .about(peer, because: "it sends more than one member is allowed to"))
    }

    private func write(
      _ kind: String, _ subject: String, _ end: QUICEnd, _ metadata: @autoclosure () -> Logger.Metadata, at now: Instant,
      _ text: () -> String
    ) {
      let level = end.level
      guard logger.logLevel <= level, let withheld = limiter.admit("\(kind) \(end.cause)", about: subject, at: now) else { return }
      logger.log(level: level, "\(text())\(withheld > 0 ? " (and \(withheld) more like it)" : "")", metadata: metadata())
    }
  }

  extension QUICEnd {
    /// The reason without what the peer chose, for the limit on log lines.
    fileprivate var cause: String {
      switch self {
      case .peerNotAuthorised(let failure): failure.label
      case .wrongName: "wrongName"
      case .error: "error"
      case .errorAtPeer: "errorAtPeer"
      case .closed, .closedByPeer, .refusedOurCertificate, .refusedByPeer, .ownName, .ourselves, .reset, .idle, .handshakeTimeout,
        .noCommonVersion:
        description
      }
    }

    fileprivate var level: Logger.Level {
      switch self {
      case .peerNotAuthorised, .refusedOurCertificate, .wrongName, .ownName, .noCommonVersion: .warning
      case .closed(let reason), .closedByPeer(let reason):
        switch reason {
        case .wrongName, .claimedOtherName, .nameInUse, .notAuthorised, .overloaded, .protocolViolation: .warning
        case .none, .shutdown, .left, .replaced: .debug
        }
      case .error, .errorAtPeer: .info
      case .reset, .idle, .handshakeTimeout, .refusedByPeer, .ourselves: .debug
      }
    }
  }
#endif
