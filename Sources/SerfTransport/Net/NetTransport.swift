public import NIOCore
public import SerfPrimitives

/// Serf as HashiCorp's agents speak it: packets over UDP and exchanges over TCP, on one port, so that a node can join a cluster of Go agents.
///
/// ```swift
/// var settings = NetTransport.Settings()
/// settings.keyring = Keyring(try SecretKey(base64: "T9jncgl9mbLus+baTTa7q7nPSUrXwbDi2dhbtqir37s="))
/// let transport = NetTransport(bind: NodeAddress(ipv4: 10, 0, 0, 1, port: 7946), settings: settings)
/// ```
/// Without a keyring all traffic crosses the network in clear text, and any host that reaches the port can be a member. Names are not proven; use
/// `QuicTransport` if no Go agent has to be reached.
///
/// Bound to any address (`0.0.0.0`, `[::]`), a node advertises an address of this machine, if possible a private one, with IPv4 in 16 bytes as Go
/// does. It does not start if the machine has no such address of a family that the socket receives: bound to `0.0.0.0`, IPv4.
public struct NetTransport: StreamLayerFactory {
  /// What can be set. The defaults fit a cluster of Go agents without encryption.
  public struct Settings: Sendable {
    /// Keeps clusters apart that can reach each other: messages with another label are refused. At most 255 bytes; empty for no label. Go agents
    /// before memberlist 0.3, such as Debian 12's, understand no label.
    public var label = ""
    /// The keys that encrypt all traffic; nil for none. It is live: a change to the ring applies from the next message on. It may be empty while
    /// ``verifiesIncoming`` and ``sealsOutgoing`` are both false.
    public var keyring: Keyring?
    /// Whether messages that are not encrypted are refused; without a keyring none is. Default true, as Go's `GossipVerifyIncoming`.
    ///
    /// A running cluster that has no key gets one in three steps. Each step is done at one node after another, and the next step begins only when all
    /// nodes have done it. First the key, with this and ``sealsOutgoing`` false; then ``sealsOutgoing`` true; then this. To go back, do the same in
    /// reverse.
    public var verifiesIncoming = true
    /// Whether what we send is encrypted; without a keyring it is not. Default true, as Go's `GossipVerifyOutgoing`.
    public var sealsOutgoing = true
    /// How messages are compressed, where that makes them smaller; nil for no compression. Use zstd only if all members are ours. Default LZW, as in
    /// Go.
    public var compression: TransportCompression? = .lzw
    /// How many connections that peers opened, and that are not answered yet, are kept. Beyond that, the oldest of the host that has most is reset.
    /// Default 120, just below the limit of exchanges in progress.
    public var acceptedConnections = 120

    /// The defaults.
    public init() {}
  }

  private let bindAddress: NodeAddress
  private let settings: Settings

  /// A transport that listens on `bind`, TCP and UDP; port 0 lets the kernel choose.
  public init(bind: NodeAddress, settings: Settings = Settings()) {
    bindAddress = bind
    self.settings = settings
  }

  /// The same, with the address as text: `10.0.0.1`, `10.0.0.1:7946`, `[::1]:7946`. The port is 7946 if none is given.
  ///
  /// - Throws: ``SerfError`` with ``SerfError/Code/configuration`` when the text is no address, or names an interface that this machine does not have.
  public init(bind: String, settings: Settings = Settings()) throws {
    self.init(bind: try NodeAddress(bindText: bind), settings: settings)
  }

  public func bind(on loop: any EventLoop, context: StreamLayerContext) -> EventLoopFuture<NIOLoopBound<any StreamLayer>> {
    do throws(SerfError) {
      try settings.validate()
    } catch { return loop.makeFailedFuture(error) }
    return NetPorts.bind(bindAddress, on: loop, logger: context.logger).map { [settings] ports in
      NIOLoopBound(NetLayer(ports.value, settings: settings, context: context, on: loop), eventLoop: loop)
    }
  }
}

extension NetTransport.Settings {
  var protection: WireProtection {
    var protection = WireProtection()
    protection.label = Array(label.utf8)
    protection.keyring = keyring
    protection.sealsOutgoing = sealsOutgoing
    protection.verifiesIncoming = verifiesIncoming
    return protection
  }

  /// Whether the ring has a key, and what we send is encrypted with it.
  var encrypts: Bool { sealsOutgoing && keyring?.primary != nil }

  /// What the two switches change, for an operator who compares two nodes; empty if both are on.
  var exceptions: String {
    switch (sealsOutgoing, verifiesIncoming) {
    case (true, true): ""
    case (true, false): "; clear text is accepted too"
    case (false, false): ", but we send and accept clear text"
    case (false, true): ", but we send clear text"
    }
  }

  func validate() throws(SerfError) {
    if let keyring, keyring.keys.isEmpty, sealsOutgoing || verifiesIncoming {
      throw SerfError(
        .configuration,
        "the keyring is empty, and a key is needed to encrypt, or to refuse clear text. Install one ('serf keygen' makes it); or, if the cluster "
          + "has no key yet, set \(SettingName.sealsOutgoing)=false and \(SettingName.verifiesIncoming)=false")
    }
    guard label.utf8.count <= 255 else {
      throw SerfError(
        .configuration, "the label has \(label.utf8.count) bytes, and 255 is the limit. Choose a shorter one (\(SettingName.label))")
    }
    if let compression, !compression.isAvailable {
      throw SerfError(
        .configuration,
        "this program was built without \(compression.rawValue). Build it with the trait Zstd, or choose another compression")
    }
    guard acceptedConnections > 0 else {
      throw SerfError(.configuration, "a node that accepts no connection cannot take part. Set acceptedConnections to 1 or more")
    }
  }
}
