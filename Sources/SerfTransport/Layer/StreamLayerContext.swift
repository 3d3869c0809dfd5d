public import Logging
public import SerfPrimitives

/// What a node tells a transport when it binds it.
public struct StreamLayerContext: Sendable {
  /// Our own name.
  public var nodeName: NodeName
  /// The address at which other members should reach us, if it is configured.
  public var advertise: NodeAddress?
  /// How long a probe waits for its answer; unacknowledged datagrams younger than this follow a peer to its next connection.
  public var probeTimeout: Duration
  /// How often one member is probed; with the number of members it decides how long an idle connection is kept.
  public var probeInterval: Duration
  /// The networks from which packets and connections are accepted. What comes from elsewhere is counted and dropped before any work is done for it.
  public var allowedNetworks: AllowedNetworks
  /// Where the transport logs.
  public var logger: Logger

  /// A context; the node makes it from its configuration.
  public init(
    nodeName: NodeName, advertise: NodeAddress?, probeTimeout: Duration, probeInterval: Duration, allowedNetworks: AllowedNetworks = .all,
    logger: Logger
  ) {
    self.nodeName = nodeName
    self.advertise = advertise
    self.probeTimeout = probeTimeout
    self.probeInterval = probeInterval
    self.allowedNetworks = allowedNetworks
    self.logger = logger
  }
}

extension NodeAddress {
  /// Serf's port.
  public static let serfPort: UInt16 = 7946

  /// The address to bind that `text` names, on Serf's port if it names none.
  init(bindText text: String) throws(SerfError) {
    guard let address = try Interfaces.address(parsing: text, defaultPort: Self.serfPort) else {
      throw SerfError(.configuration, "'\(text)' is not an address to bind. Write IP, IP:port or [IPv6]:port")
    }
    self = address
  }
}
