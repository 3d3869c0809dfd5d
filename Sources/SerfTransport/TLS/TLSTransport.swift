#if TLS
  public import NIOCore
  public import SerfIdentity
  public import SerfPrimitives

  /// Serf over TLS 1.3 and UDP, on one port, for networks on which QUIC does not get through: with the same certificates and the same rules of trust
  /// (`secure-transport.md` section 1) as `QuicTransport`.
  ///
  /// ```swift
  /// let credentials = try Credentials(files: .init(authorities: "ca.pem", certificate: "web-1.pem", privateKey: "web-1.key"))
  /// var settings = TLSTransport.Settings()
  /// settings.keyring = Keyring(try SecretKey(base64: "T9jncgl9mbLus+baTTa7q7nPSUrXwbDi2dhbtqir37s="))
  /// let transport = try TLSTransport(credentials, bind: NodeAddress(ipv4: 10, 0, 0, 1, port: 7946), settings: settings)
  /// ```
  /// Streams (joins, push/pull, the reliable ping) prove the name of both ends. Gossip crosses in UDP packets, which prove no name: a host that has a
  /// key of the ring can speak for any member in them. Packets carry the cluster's name as their label. No Go agent speaks this.
  public struct TLSTransport: StreamLayerFactory {
    /// What can be set. Set the keyring, or allow that there is none.
    public struct Settings: Sendable {
      /// The keys that encrypt packets. It is live: a change to the ring applies from the next packet on.
      public var keyring: Keyring?
      /// Whether packets in clear text are accepted, and sent if there is no keyring. Any host that reaches the port can then gossip as any member,
      /// and read what members gossip. Default false. A node without a keyring does not understand the packets of a node that has one. Until all have
      /// it, such nodes hear of each other over streams only.
      public var allowsClearPackets = false
      /// How messages are compressed, where that makes them smaller; nil for no compression. Default LZW.
      public var compression: TransportCompression? = .lzw
      /// How many connections that peers opened, and that are not answered yet, are kept, including those that have not proven a name. Beyond that,
      /// the oldest of the host that has most is reset; one without a proven name goes before the others. Default 120.
      public var acceptedConnections = 120
      /// How many handshakes that peers begin are accepted in a second, a fifth of them from one host, and four times as many at once. Connections
      /// beyond that are reset before any work is done for them. A handshake takes a millisecond or two of processor time. Default 250, so that 500
      /// nodes that start at once behind one address are let in, and a flood leaves half a core to the node.
      public var handshakesPerSecond = 250

      /// The defaults.
      public init() {}
    }

    private let bindAddress: NodeAddress
    private let settings: Settings
    private let identity: TLSIdentity

    /// A transport that proves its name with `credentials` and listens on `bind`, TCP and UDP; port 0 lets the kernel choose. One value serves one node.
    ///
    /// - Throws: ``SerfError`` with ``SerfError/Code/credentials`` when the TLS library cannot use the certificate.
    public init(_ credentials: Credentials, bind: NodeAddress, settings: Settings = Settings()) throws {
      bindAddress = bind
      self.settings = settings
      identity = try TLSIdentity(credentials)
    }

    /// The same, with the address as text: `10.0.0.1`, `10.0.0.1:7946`, `[::1]:7946`. The port is 7946 if none is given.
    ///
    /// - Throws: ``SerfError`` as above, and with ``SerfError/Code/configuration`` when the text is no address, or names an interface that this
    ///   machine does not have.
    public init(_ credentials: Credentials, bind: String, settings: Settings = Settings()) throws {
      try self.init(credentials, bind: try NodeAddress(bindText: bind), settings: settings)
    }

    /// Presents and trusts `credentials` from the next connection on. No connection outlives its exchange, so none has to be verified again. Load
    /// them first; if that throws, the old ones stay in force.
    ///
    /// - Throws: ``SerfError`` with ``SerfError/Code/credentials`` when they are for another node or another cluster, or the TLS library cannot use
    ///   them.
    public func replace(credentials: Credentials) throws {
      try identity.replace(credentials)
    }

    /// The name in the certificate.
    public var provenName: NodeName? { identity.current.credentials.node }

    public func bind(on loop: any EventLoop, context: StreamLayerContext) -> EventLoopFuture<NIOLoopBound<any StreamLayer>> {
      let net: NetTransport.Settings
      do throws(SerfError) {
        let credentials = identity.current.credentials
        try credentials.check(naming: context.nodeName)
        net = try netSettings(cluster: credentials.cluster)
      } catch { return loop.makeFailedFuture(error) }
      return NetPorts.bind(bindAddress, on: loop, logger: context.logger).map { [identity, rate = settings.handshakesPerSecond] ports in
        let security = TLSSecurity(identity, handshakesPerSecond: rate, logger: context.logger, on: loop)
        return NIOLoopBound(NetLayer(ports.value, settings: net, security: security, context: context, on: loop), eventLoop: loop)
      }
    }

    private func netSettings(cluster: String) throws(SerfError) -> NetTransport.Settings {
      guard settings.keyring != nil || settings.allowsClearPackets else {
        throw SerfError(
          .configuration,
          "TLS protects the connections, and the packets over UDP need a key of their own. Give all members one ('serf keygen' makes it), or "
            + "allow packets in the clear (\(SettingName.allowsClearPackets))")
      }
      guard settings.keyring?.keys.isEmpty != true else {
        throw SerfError(
          .configuration,
          "the keyring is empty, and packets over UDP need a key from it. Install one ('serf keygen' makes it), or give no keyring and "
            + "allow packets in the clear (\(SettingName.allowsClearPackets))")
      }
      var net = NetTransport.Settings()
      net.label = cluster
      net.keyring = settings.keyring
      net.verifiesIncoming = !settings.allowsClearPackets
      net.compression = settings.compression
      net.acceptedConnections = settings.acceptedConnections
      try net.validate()
      do throws(SettingOutOfBounds) {
        try SettingBounds.check(settings.handshakesPerSecond, "TLSTransport.Settings.handshakesPerSecond", from: 1)
      } catch { throw SerfError(error) }
      return net
    }
  }
#endif
