#if TLS
  import Logging
  import NIOCore
  import SerfIdentity
  import SerfPrimitives

  /// TLS for the streams of a ``NetLayer``, with its counters and log lines.
  final class TLSSecurity: StreamSecurity {
    private let identity: TLSIdentity
    private let loop: any EventLoop
    private let logger: Logger
    private var limiter = LogLimiter()
    private var completed: UInt64 = 0
    private var failed: UInt64 = 0
    private var certificatesRefused: UInt64 = 0
    private var refusedByPeers: UInt64 = 0
    private var overLimit: UInt64 = 0
    /// How many handshakes each host may begin, and all hosts together.
    private var rates: RateLimits<FairShares.Holder>
    private var rate: RateLimit

    init(_ identity: TLSIdentity, handshakesPerSecond: Int, logger: Logger, on loop: any EventLoop) {
      self.identity = identity
      self.logger = logger
      self.loop = loop
      let now = Instant.now(on: loop)
      rates = RateLimits(perSecond: max(1, handshakesPerSecond / 5), burst: 4 * handshakesPerSecond, at: now)
      rate = RateLimit(perSecond: handshakesPerSecond, burst: 4 * handshakesPerSecond, at: now)
    }

    func admits(_ address: NodeAddress, at now: Instant) -> Bool {
      guard rates.take(of: FairShares.Holder(nil, at: address), at: now), rate.take(at: now) else {
        overLimit += 1
        if logger.logLevel <= .warning, let withheld = limiter.admit("handshakes", about: address.host, at: now) {
          logger.warning(
            "tls: turned away \(address): too many handshakes in a second\(withheld > 0 ? " (and \(withheld) more like it)" : "")",
            metadata: .about(at: address, because: "too many handshakes in a second"))
        }
        return false
      }
      return true
    }

    func shield(for stream: TCPStream, to destination: Destination?, deadline: Instant) -> any StreamShield {
      TLSShield(
        identity, for: stream, to: destination, deadline: deadline,
        over: { [weak self] stream, end in self?.ended(stream, destination, end) }, on: loop)
    }

    var figures: [TransportFigure] {
      [
        TransportFigure("handshakes_completed", completed),
        TransportFigure("handshakes_failed", failed),
        TransportFigure("handshakes_over_limit", overLimit),
        TransportFigure("certificates_refused", certificatesRefused),
        TransportFigure("certificate_refused_by_peer", refusedByPeers),
      ]
    }

    private func ended(_ stream: TCPStream, _ destination: Destination?, _ end: TLSEnd?) {
      guard let end else {
        completed += 1
        return
      }
      failed += 1
      switch end {
      case .peerNotAuthorised, .wrongName, .ownName: certificatesRefused += 1
      case .refusedOurCertificate: refusedByPeers += 1
      case .otherProtocol, .deadline, .broken, .failed: break
      }
      let level = end.level
      guard logger.logLevel <= level else { return }
      let kind = destination == nil ? "turned away" : "dial"
      guard let withheld = limiter.admit("\(kind) \(end.cause)", about: stream.address.host, at: .now(on: loop)) else { return }
      let what =
        switch destination {
        case .member(let name, _)?: "cannot reach \(name) at \(stream.address)"
        case .anyMember?, .reply?: "cannot reach a member at \(stream.address)"
        case nil: "turned away \(stream.address)"
        }
      let name: NodeName? = if case .member(let name, _)? = destination { name } else { nil }
      logger.log(
        level: level, "tls: \(what): \(end)\(withheld > 0 ? " (and \(withheld) more like it)" : "")",
        metadata: .about(name, at: stream.address, because: "\(end)"))
    }
  }

  extension TLSEnd {
    /// If an operator must act, it is a warning.
    fileprivate var level: Logger.Level {
      switch self {
      case .peerNotAuthorised, .refusedOurCertificate, .wrongName, .ownName, .otherProtocol, .failed: .warning
      case .deadline, .broken: .debug
      }
    }
  }
#endif
