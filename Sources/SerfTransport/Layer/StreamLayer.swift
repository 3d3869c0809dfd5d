public import NIOCore
public import SerfPrimitives

/// The plug point for a transport: one bound endpoint that moves best-effort packets and reliable byte streams between members.
///
/// A layer is confined to the event loop that it was bound on: every method is called there, and every callback to its
/// ``StreamLayerHandler`` is made there. It is therefore not `Sendable`; a ``StreamLayerFactory``, which is, makes it on the node's loop.
///
/// What a layer must keep:
/// - **Packets** are best effort, at most ``largestPacket`` bytes, delivered whole or not at all. One that could not leave in time (50 ms on a
///   usable connection, the probe timeout while dialling) is dropped, never sent late, and reported by
///   ``StreamLayerHandler/packetNotSent(_:_:at:)`` when it carries an ID.
/// - **Streams** are reliable and ordered, with an end for each direction. An end and a reset are different things and arrive as different callbacks.
/// - **Back-pressure** goes both ways: a receiver gets no more than it has taken with ``consumed(_:on:)``, beyond a window of the layer's choice,
///   and ``write(_:on:finish:)`` buffers without limit, so the caller sends one message per stream and bounds it.
/// - **Names**: a layer whose ``protection`` is ``Protection/provenNames`` delivers nothing from a peer before its name is proven, fills
///   ``Peer/provenName`` in everything that it delivers, and honours the name in a ``Destination``. One that proves the names of streams and not of
///   packets (TLS beside UDP) does so for its streams.
/// - **No callback from within a call.** A method never calls the handler before it returns; what it has to say comes in a later turn of the loop.
public protocol StreamLayer: AnyObject {
  /// The address that the layer is bound to, with the port that the kernel chose if the configured one was 0.
  var localAddress: NodeAddress { get }

  /// Where others reach this layer, as far as it can tell: what a node advertises unless it is told another address.
  var reachableAddress: NodeAddress { get }

  /// How what crosses this layer is protected.
  var protection: Protection { get }

  /// What must be alike on both sides for a peer to answer at all, and what it is here, as a clause for people. They compare it when the peer
  /// ends a stream without a word. Default: nil, where there is no such thing, or the layer finds out by itself.
  var agreement: String? { get }

  /// Whether each side ends its half of a stream after its message. Where true (QUIC), the end must agree with the message; where false
  /// (TCP as Go speaks it), only decoding tells that a message is complete.
  var streamEndsWithMessage: Bool { get }

  /// What stands around each message on the streams to or from a peer. Default: ``StreamEnvelope/plain``.
  func envelope(for destination: Destination) -> StreamEnvelope

  /// How many bytes of gossip a packet is packed to.
  var packetBudget: Int { get }

  /// How many bytes a packet can have at most. Above ``packetBudget`` where the layer has a slower way for the odd large one.
  var largestPacket: Int { get }

  /// What the layer counted since it was bound, by name: connections, handshakes, refusals by cause.
  var counters: [TransportCounter] { get }

  /// Starts delivering to `handler`. Called once, before any other method.
  func start(_ handler: any StreamLayerHandler)

  /// Queues one packet. `checksummed` asks for a CRC where this layer's wire format has one.
  func send(_ packet: RawSpan, to destination: Destination, path: SendPath, id: PacketID?, checksummed: Bool, at now: Instant)

  /// Sends what is queued. The caller flushes once per batch of work, not per packet.
  func flush(at now: Instant)

  /// Opens a stream, dialling if need be. ``StreamLayerHandler/streamOpened(_:peer:at:)`` or ``StreamLayerHandler/streamFailed(_:_:at:)`` follows
  /// before `deadline` or at it.
  func open(_ stream: StreamID, to destination: Destination, path: SendPath, deadline: Instant, at now: Instant)

  /// Queues bytes on a stream that is open or being opened, and with `finish` ends our half.
  func write(_ bytes: [UInt8], on stream: StreamID, finish: Bool)

  /// Says that `count` received bytes have been taken, which lets the peer send as many more.
  func consumed(_ count: Int, on stream: StreamID)

  /// Gives up a stream in both directions; the peer sees a reset. Nothing more is delivered for it.
  func reset(_ stream: StreamID)

  /// Says that we are done with a stream; nothing that the peer sends on it is delivered any more. What was written still goes out and then ends our
  /// half, if it has not ended. What becomes of it is told by ``StreamLayerHandler/streamSent(_:_:at:)`` and, where it is lost, by
  /// ``StreamLayerHandler/streamFailed(_:_:at:)``; ``reset(_:)`` gives it up. Where closing early would destroy what the peer has not read yet (TCP),
  /// what it still sends is taken and dropped for a moment. Does nothing by default, which suits a layer whose streams are gone once both halves have
  /// ended.
  func release(_ stream: StreamID)

  /// Closes the connection of `peer`, where there are connections.
  func close(_ peer: Peer, reason: CloseReason, at now: Instant)

  /// Takes note of what the membership knows. A layer that keeps no connections ignores it.
  func hint(_ hint: MembershipHint, at now: Instant)

  /// Tells every peer why, sends that, and releases the socket; the address can be bound again when the future completes.
  func shutdown(reason: CloseReason, at now: Instant) -> EventLoopFuture<Void>
}

extension StreamLayer {
  public var reachableAddress: NodeAddress { localAddress }
  public var largestPacket: Int { packetBudget }
  public var agreement: String? { nil }
  public var counters: [TransportCounter] { [] }
  public func hint(_ hint: MembershipHint, at now: Instant) {}
  public func release(_ stream: StreamID) {}
  public func envelope(for destination: Destination) -> StreamEnvelope { .plain }
}

/// How what crosses a layer is protected.
public enum Protection: Hashable, Sendable {
  /// Encrypted, and every peer's name is proven by its certificate.
  case provenNames
  /// Encrypted with a key that all members share; its packets prove no name.
  case keyring
  /// Not protected at all.
  case clear
}

/// Names one stream of a layer; never used twice. The opener chooses the number: even for streams that we open, odd for those that we accept.
public struct StreamID: Hashable, Sendable {
  /// The number.
  public let value: UInt64

  /// The stream with this number.
  @inlinable public init(_ value: UInt64) { self.value = value }
}

/// What the membership knows and a connection-keeping layer wants to know.
public enum MembershipHint: Hashable, Sendable {
  /// How many members there are; decides how long an idle connection is worth keeping.
  case memberCount(Int)
  /// A member died or left; its connections have no further use.
  case departed(NodeName)
}

/// What a layer tells the one who uses it. All on the layer's event loop.
public protocol StreamLayerHandler: AnyObject {
  /// A whole packet. The bytes are valid only during the call.
  func packetReceived(_ packet: RawSpan, from peer: Peer, at now: Instant)

  /// A packet that was sent with an ID was not sent, by our own fault.
  func packetNotSent(_ id: PacketID, _ reason: ContactFailure, at now: Instant)

  /// Our stream reached its peer, whose name, where names are proven, is in `peer`.
  func streamOpened(_ stream: StreamID, peer: Peer, at now: Instant)

  /// A peer opened a stream to us.
  func streamAccepted(_ stream: StreamID, from peer: Peer, at now: Instant)

  /// Bytes of a stream, in order. Valid only during the call.
  func streamReceived(_ stream: StreamID, _ bytes: RawSpan, at now: Instant)

  /// The layer has let go of `count` bytes that were written on a stream: the peer has them, or at least the system below. What is written and not
  /// let go of is memory that a peer which does not read makes us hold, and counts against ``ExchangeLimits/bytesInProgress``. A layer that never
  /// says so has its answers counted, and their streams reset, when ``ExchangeLimits/replyDeadline`` is over. Does nothing by default.
  func streamSent(_ stream: StreamID, _ count: Int, at now: Instant)

  /// The peer ended its half cleanly.
  func streamEnded(_ stream: StreamID, at now: Instant)

  /// The stream is gone: never opened, reset, or lost with its connection.
  func streamFailed(_ stream: StreamID, _ reason: ContactFailure, at now: Instant)

  /// A connection to this member became usable, or the last one went away. Only from layers that keep connections.
  func warmthChanged(_ name: NodeName, isWarm: Bool, at now: Instant)

  /// A packet with an identity had to wait for a dial, and has left now: the time until its answer counts from here, and is no round-trip time. Only from
  /// layers that keep connections. Does nothing by default.
  func packetDelayed(_ id: PacketID, at now: Instant)

  /// A peer said where it is to be reached, on a connection that proves its name. Only from layers whose peers say so.
  func addressStated(_ address: NodeAddress, by peer: Peer, at now: Instant)

  /// Whether a member is under probe or suspicion; its connections are not evicted meanwhile. A question: may be asked at any time.
  func isUnderScrutiny(_ name: NodeName) -> Bool

  /// Where the membership has a member; nil where it is none. What a layer dials by itself, to renew a connection. A question: may be asked at any
  /// time.
  func address(of name: NodeName) -> NodeAddress?

  /// A connection ended. It may start a probe, never a state change.
  func connectionClosed(_ peer: Peer, reason: CloseReason, byPeer: Bool, at now: Instant)

  /// A batch of input has been delivered: the moment to act on it and to ``StreamLayer/flush(at:)``.
  func readComplete(at now: Instant)
}

extension StreamLayerHandler {
  public func streamSent(_ stream: StreamID, _ count: Int, at now: Instant) {}
  public func packetDelayed(_ id: PacketID, at now: Instant) {}
}

/// One figure of a transport.
public struct TransportCounter: Hashable, Sendable {
  /// What is counted, in words joined by underscores.
  public let name: String
  /// How often it happened, or how many there are.
  public let value: UInt64

  /// A figure with its name.
  public init(_ name: String, _ value: UInt64) {
    self.name = name
    self.value = value
  }
}

/// Makes a ``StreamLayer`` on a node's event loop.
public protocol StreamLayerFactory: Sendable {
  /// Binds the endpoint. Called on `loop`; fails with a ``TransportError`` whose text names the cause and the next step.
  func bind(on loop: any EventLoop, context: StreamLayerContext) -> EventLoopFuture<NIOLoopBound<any StreamLayer>>
}

extension StreamLayerHandler {
  /// Does nothing: for the users of layers whose peers do not say it.
  public func addressStated(_ address: NodeAddress, by peer: Peer, at now: Instant) {}
}
