#if QUIC
  public import NIOCore
  public import SerfIdentity
  public import SerfPrimitives

  /// Serf over QUIC: one UDP port, mutual TLS, every peer's name proven by its certificate, and nothing in clear text.
  ///
  /// ```swift
  /// let credentials = try Credentials(files: .init(authorities: "ca.pem", certificate: "web-1.pem", privateKey: "web-1.key"))
  /// let transport = QuicTransport(credentials, bind: NodeAddress(ipv4: 10, 0, 0, 1, port: 7946))
  /// ```
  /// One value serves one node. Gossip goes in datagrams; push/pull, and all that is too large for a datagram, goes on streams. Connections are
  /// dialled when there is something to send, pooled by proven name, and closed when idle. Neither a close nor an idle timeout counts as a failure.
  public struct QuicTransport: StreamLayerFactory {
    /// What can be tuned. The defaults fit clusters up to a few thousand nodes.
    public struct Settings: Hashable, Sendable {
      /// The round trip that is assumed before the first sample. It decides when a lost first packet is sent again. Default 30 ms; 100 ms between
      /// sites.
      public var initialRoundTrip = Duration.milliseconds(30)
      /// How many connections are kept. The least recently used ones are closed first, but never one to a member that is being probed or suspected.
      /// Default 256; each takes about 70 KiB.
      public var pooledConnections = 256
      /// The bounds of the time after which an unused connection is closed. Between them it is 1.2 times as long as probing every member takes, so
      /// that probes find warm connections. A shorter time saves memory and costs handshakes. Default 60 s to 30 min.
      public var idleTime: ClosedRange<Duration> = .seconds(60) ... .seconds(30 * 60)
      /// How often every live connection's certificate chain is checked again, for expiry and revocation. Default 60 s.
      public var recheckInterval = Duration.seconds(60)

      /// The defaults.
      public init() {}

      func validate() throws(SerfError) {
        do throws(SettingOutOfBounds) {
          try SettingBounds.check(positiveTime: initialRoundTrip, "QuicTransport.Settings.initialRoundTrip")
          try SettingBounds.check(pooledConnections, "QuicTransport.Settings.pooledConnections", from: 1)
          try SettingBounds.check(positiveTime: idleTime.lowerBound, "QuicTransport.Settings.idleTime.lowerBound")
          try SettingBounds.check(positiveTime: idleTime.upperBound, "QuicTransport.Settings.idleTime.upperBound")
          try SettingBounds.check(positiveTime: recheckInterval, "QuicTransport.Settings.recheckInterval")
        } catch { throw SerfError(error) }
      }
    }

    private let bindAddress: NodeAddress
    private let settings: Settings
    private let rotation: CredentialRotation

    /// A transport that proves its name with `credentials` and listens on `bind`; port 0 lets the kernel choose.
    ///
    /// Bound to any address (`0.0.0.0`), answers are sent from an address that the kernel picks; on a machine with several addresses, bind one of
    /// them. Such a node does not start if the machine has no address that others can reach.
    public init(_ credentials: Credentials, bind: NodeAddress, settings: Settings = Settings()) {
      bindAddress = bind
      self.settings = settings
      rotation = CredentialRotation(credentials)
    }

    /// The same, with the address as text: `10.0.0.1`, `10.0.0.1:7946`, `[::1]:7946`, `[fe80::1%eth0]:7946`. The port is 7946 if none is given.
    ///
    /// - Throws: ``SerfError`` with ``SerfError/Code/configuration`` when the text is no address, or names an interface that this machine does not have.
    public init(_ credentials: Credentials, bind: String, settings: Settings = Settings()) throws {
      self.init(credentials, bind: try NodeAddress(bindText: bind), settings: settings)
    }

    /// Presents and trusts `credentials` from now on: new handshakes use them at once, live connections are checked against them, and renewed over
    /// five minutes. Load them first; if that throws, the old ones stay in force.
    ///
    /// - Throws: ``SerfError`` with ``SerfError/Code/credentials`` when they are for another node or another cluster.
    public func replace(credentials: Credentials) throws {
      try rotation.replace(credentials)
    }

    /// The name in the certificate.
    public var provenName: NodeName? { rotation.current.node }

    public func bind(on loop: any EventLoop, context: StreamLayerContext) -> EventLoopFuture<NIOLoopBound<any StreamLayer>> {
      do throws(SerfError) {
        try settings.validate()
        try rotation.current.check(naming: context.nodeName)
      } catch { return loop.makeFailedFuture(error) }
      return DatagramPort.bind(bindAddress, on: loop, logger: context.logger).map { [settings, rotation] socket in
        NIOLoopBound(
          QUICLayer(socket: socket.value, rotation: rotation, settings: settings, context: context, on: loop), eventLoop: loop)
      }
    }
  }
#endif
