public import NIOCore
public import SerfPrimitives

/// The plug point for a transport: one bound endpoint that moves best-effort packets and reliable byte streams between members.
///
/// A layer is confined to the event loop that it was bound on: every method is called there, and every callback to its
/// ``StreamLayerHandler`` is made there. It is therefore not `Sendable`; a ``StreamLayerFactory``, which is, makes it on the node's loop.
///
/// What a layer must guarantee:
/// - **Packets** are best effort, at most ``largestPacket`` bytes, delivered whole or not at all. One that could not be sent in time (50 ms on a
///   usable connection, the probe timeout while dialling) is dropped, never sent late, and reported by ``StreamLayerHandler/packetNotSent(_:_:at:)``
///   when it carries an ID.
/// - **Streams** are reliable and ordered, with an end for each direction. An end and a reset are different things and arrive as different callbacks.
/// - **Back-pressure** goes both ways: beyond a window of the layer's choice, a receiver gets only as much as it has acknowledged with
///   ``consumed(_:on:)``. ``write(_:on:finish:)`` buffers without limit, so the caller sends one message per stream and limits its size.
/// - **Names**: a layer whose ``protection`` is ``TransportProtection/provenNames`` delivers nothing from a peer before its name is proven, sets
///   ``Peer/provenName`` in all that it delivers, and checks the name in a ``Destination``. A layer that proves names for streams but not for packets
///   (TLS beside UDP) does this for its streams.
/// - **No callback from within a call.** A method never calls the handler before it returns; it reports in a later turn of the loop.
///
/// A transport imports `SerfTransport` and `NIOCore`. Outside of the layer, `Instant`, `Peer` and `Destination` are `StreamLayer.Instant` and so on. A layer
/// that wraps another has to forward the members with a default too, or the default hides what the inner layer says. The same holds for
/// ``StreamLayerFactory/provenName``.
public protocol StreamLayer: AnyObject {
  /// The address that the layer is bound to, with the port that the kernel chose if the configured one was 0.
  var localAddress: NodeAddress { get }

  /// The address at which others reach this layer, as far as it can tell. A node advertises it unless you set another one.
  var reachableAddress: NodeAddress { get }

  /// How what crosses this layer is protected.
  var protection: TransportProtection { get }

  /// The settings that must be the same on both sides for a peer to answer at all, with their values here, as a clause for people. They can compare
  /// it when the peer ends a stream without an answer. Default: nil, if there are no such settings, or the layer detects a difference itself.
  var agreement: String? { get }

  /// Whether each side ends its half of a stream after its message. Where true (QUIC), the end must agree with the message; where false (TCP as Go
  /// speaks it), only decoding shows that a message is complete.
  var streamEndsWithMessage: Bool { get }

  /// Whether the layer reports what its peers read beyond what every member reads (``StreamLayerHandler/peerFeaturesChanged(_:_:at:)``). Without that
  /// a node sends nothing of it, and its users' messages to other nodes throw. Default false.
  var statesPeerFeatures: Bool { get }

  /// The keys that encrypt what crosses this layer, if members may change them. Default: none, for a layer that encrypts with certificates or not at
  /// all.
  var keyring: KeyringAccess { get }

  /// What surrounds each message on the streams to or from a peer. Default: ``StreamEnvelope/plain``.
  func envelope(for destination: Destination) -> StreamEnvelope

  /// Up to how many bytes a packet is filled with gossip.
  var packetBudget: Int { get }

  /// How many bytes a packet can have at most. It is above ``packetBudget`` if the layer has a slower way for a rare large packet.
  var largestPacket: Int { get }

  /// How many packets had to wait since the start, or were dropped, because the network or a peer took fewer than were sent. When they are a quarter
  /// of those sent, the node passes on less news for a while. Default 0, for a layer that cannot tell.
  var packetsHeldBack: UInt64 { get }

  /// The layer's figures: connections, handshakes, refusals by cause. Default: none.
  ///
  /// The same names in the same order whenever it is read, from the moment the layer is bound; only the values change. Each becomes one entry of the
  /// node's statistics, in the section `transport`, and one metric. If the node or the layer itself already uses a name, the first figure with it
  /// stays and the later one is left out.
  var figures: [TransportFigure] { get }

  /// Starts delivering to `handler`. Called once, before any other method.
  func start(_ handler: any StreamLayerHandler)

  /// Queues one packet. Where names are proven, only gossip has no `id`, and may wait behind packets that have one. `checksummed` asks for a CRC if this
  /// layer's wire format has one.
  func send(_ packet: RawSpan, to destination: Destination, path: SendPath, id: PacketID?, checksummed: Bool, at now: Instant)

  /// Sends what is queued. The caller flushes once per batch of work, not per packet.
  func flush(at now: Instant)

  /// Opens a stream, and dials if necessary. ``StreamLayerHandler/streamOpened(_:peer:at:)`` or ``StreamLayerHandler/streamFailed(_:_:at:)`` follows,
  /// at `deadline` at the latest.
  func open(_ stream: StreamID, to destination: Destination, path: SendPath, deadline: Instant, at now: Instant)

  /// Queues bytes on a stream that is open or being opened, and with `finish` ends our half.
  func write(_ bytes: [UInt8], on stream: StreamID, finish: Bool)

  /// Says that `count` received bytes have been handled, which allows the peer to send that many more.
  func consumed(_ count: Int, on stream: StreamID)

  /// Gives up a stream in both directions; the peer sees a reset. Nothing more is delivered for it.
  func reset(_ stream: StreamID)

  /// Says that we are done with a stream; nothing that the peer sends on it is delivered any more. What was written is still sent, and then our half
  /// ends if it has not ended. ``StreamLayerHandler/streamSent(_:_:at:)`` reports those bytes, or ``StreamLayerHandler/streamFailed(_:_:at:)`` if
  /// they are lost; ``reset(_:)`` gives them up. Where closing early would destroy what the peer has not read yet (TCP), the layer reads and drops
  /// for a moment what the peer still sends. Does nothing by default, which is right for a layer whose streams end by themselves once both halves
  /// have ended.
  func release(_ stream: StreamID)

  /// Closes the connection of `peer`, if the layer has connections.
  func close(_ peer: Peer, reason: CloseReason, at now: Instant)

  /// Tells the layer what the membership knows. A layer that keeps no connections ignores it.
  func hint(_ hint: MembershipHint, at now: Instant)

  /// Tells every peer the reason, and releases the socket. When the future completes the address can be bound again.
  func shutdown(reason: CloseReason, at now: Instant) -> EventLoopFuture<Void>
}

extension StreamLayer {
  /// A point on the node's monotonic clock, which `Instant.now(on:)` reads.
  public typealias Instant = SerfPrimitives.Instant
  /// Where a packet or stream came from.
  public typealias Peer = SerfPrimitives.Peer
  /// What a peer reads beyond what every member reads.
  public typealias PeerFeatures = SerfPrimitives.PeerFeatures
  /// Where a packet or stream goes, and which name must answer there.
  public typealias Destination = SerfPrimitives.Destination

  public var reachableAddress: NodeAddress { localAddress }
  public var largestPacket: Int { packetBudget }
  public var packetsHeldBack: UInt64 { 0 }
  public var agreement: String? { nil }
  public var statesPeerFeatures: Bool { false }
  public var keyring: KeyringAccess { .notEncrypted }
  public var figures: [TransportFigure] { [] }
  public func hint(_ hint: MembershipHint, at now: Instant) {}
  public func release(_ stream: StreamID) {}
  public func envelope(for destination: Destination) -> StreamEnvelope { .plain }
}

/// How what crosses a layer is protected.
@nonexhaustive
public enum TransportProtection: Hashable, Sendable {
  /// Encrypted, and every peer's name is proven by its certificate.
  case provenNames
  /// Encrypted with a key that all members share; its packets prove no name.
  case keyring
  /// Not protected at all.
  case clear
}

/// What the membership knows and a layer that keeps connections needs.
@nonexhaustive
public enum MembershipHint: Hashable, Sendable {
  /// How many members there are; this decides how long an idle connection is kept.
  case memberCount(Int)
  /// A member died or left; its connections have no further use.
  case departed(NodeName)
}

/// What a layer reports to its user. All calls are made on the layer's event loop.
public protocol StreamLayerHandler: AnyObject {
  /// A whole packet. The bytes are valid only during the call.
  func packetReceived(_ packet: RawSpan, from peer: Peer, at now: Instant)

  /// A packet that was sent with an ID was not sent; the reason says whether that was our own fault.
  func packetNotSent(_ id: PacketID, _ reason: ContactFailure, at now: Instant)

  /// Our stream reached its peer, whose name is in `peer` if names are proven.
  func streamOpened(_ stream: StreamID, peer: Peer, at now: Instant)

  /// A peer opened a stream to us.
  func streamAccepted(_ stream: StreamID, from peer: Peer, at now: Instant)

  /// Bytes of a stream, in order. Valid only during the call.
  func streamReceived(_ stream: StreamID, _ bytes: RawSpan, at now: Instant)

  /// The layer has released `count` bytes that were written on a stream: the peer has them, or at least the operating system has. Bytes that are
  /// written and not released use up memory because a peer does not read, so they count against ``ExchangeLimits/bytesInProgress``. If a layer never
  /// calls this, its answers count as unread, and their streams are reset after ``ExchangeLimits/replyDeadline``. Does nothing by default.
  func streamSent(_ stream: StreamID, _ count: Int, at now: Instant)

  /// The peer ended its half cleanly.
  func streamEnded(_ stream: StreamID, at now: Instant)

  /// The stream has failed: it was never opened, was reset, or was lost with its connection.
  func streamFailed(_ stream: StreamID, _ reason: ContactFailure, at now: Instant)

  /// A connection to this member became usable, or the last one ended. Only from layers that keep connections.
  func warmthChanged(_ name: NodeName, isWarm: Bool, at now: Instant)

  /// A member said what it reads, on a connection that proves its name; nil when the last connection to it has ended. Only from layers with
  /// ``StreamLayer/statesPeerFeatures``. Does nothing by default.
  func peerFeaturesChanged(_ name: NodeName, _ features: PeerFeatures?, at now: Instant)

  /// A packet with an ID had to wait for a dial, and was sent now: the time until its answer counts from here, and is no round-trip time. Only from
  /// layers that keep connections. Does nothing by default.
  func packetDelayed(_ id: PacketID, at now: Instant)

  /// A peer said at which address it can be reached, on a connection that proves its name. Only from layers whose peers state it.
  func addressStated(_ address: NodeAddress, by peer: Peer, at now: Instant)

  /// Whether a member is being probed or suspected; its connections are not evicted in that time. This is a question: it may be asked at any time.
  func isUnderScrutiny(_ name: NodeName) -> Bool

  /// The address that the membership has for a member; nil if it is no member. A layer dials it to renew a connection. This is a question: it may be
  /// asked at any time.
  func address(of name: NodeName) -> NodeAddress?

  /// A connection ended. It may start a probe, but never a state change.
  func connectionClosed(_ peer: Peer, reason: CloseReason, byPeer: Bool, at now: Instant)

  /// A batch of input has been delivered: the moment to act on it and to ``StreamLayer/flush(at:)``.
  func readComplete(at now: Instant)
}

extension StreamLayerHandler {
  /// A point on the node's monotonic clock.
  public typealias Instant = SerfPrimitives.Instant
  /// Where a packet or stream came from.
  public typealias Peer = SerfPrimitives.Peer
  /// What a peer reads beyond what every member reads.
  public typealias PeerFeatures = SerfPrimitives.PeerFeatures

  public func streamSent(_ stream: StreamID, _ count: Int, at now: Instant) {}
  public func packetDelayed(_ id: PacketID, at now: Instant) {}
  public func peerFeaturesChanged(_ name: NodeName, _ features: PeerFeatures?, at now: Instant) {}
}

/// One figure of a transport.
public struct TransportFigure: Hashable, Sendable {
  /// What the value means.
  @nonexhaustive
  public enum Kind: UInt8, Hashable, Sendable {
    /// How often something happened since the layer was bound: it never becomes smaller.
    case counter
    /// How many there are now.
    case gauge
  }

  /// What is counted, in lower-case words joined by underscores.
  public let name: String
  /// How often it happened, or how many there are.
  public let value: UInt64
  /// Which of the two.
  public let kind: Kind

  /// A figure with its name; a counter unless `kind` says otherwise.
  public init(_ name: String, _ value: UInt64, kind: Kind = .counter) {
    self.name = name
    self.value = value
    self.kind = kind
  }
}

/// Makes a ``StreamLayer`` on a node's event loop.
public protocol StreamLayerFactory: Sendable {
  /// The name that the transport's certificate proves: the node's name, unless its configuration has one. Default nil, for transports that know no
  /// name.
  var provenName: NodeName? { get }

  /// Binds the endpoint. Called on `loop`; fails with a ``SerfError``: ``SerfError/Code/bind`` when the
  /// address cannot be bound, ``SerfError/Code/configuration`` or ``SerfError/Code/credentials`` when the settings do not fit the node.
  func bind(on loop: any EventLoop, context: StreamLayerContext) -> EventLoopFuture<NIOLoopBound<any StreamLayer>>
}

extension StreamLayerFactory {
  /// Nil: the transport knows no name.
  public var provenName: NodeName? { nil }
}

extension StreamLayerHandler {
  /// Does nothing: for the users of layers whose peers do not state it.
  public func addressStated(_ address: NodeAddress, by peer: Peer, at now: Instant) {}
}
