package import SerfIdentity
package import SerfPrimitives

/// What a ``QUICEndpoint`` may do, and how much of it. For every limit, ``QUICCounters`` counts what it refused.
package struct QUICConfiguration: Sendable {
  /// The address that the socket is bound to. It must stay the same for the endpoint's life: QUIC takes another address for a migration.
  package var localAddress: NodeAddress
  /// The application protocol, mandatory on both sides. Empty only for attackers in tests: then none is offered, and none required.
  package var applicationProtocol = "serf/1"
  /// Sent at the head of the first unidirectional stream of each connection (`secure-transport.md` 2.10): one MessagePack map. Nothing waits for it.
  package var hello: [UInt8] = [0x80]

  /// The round trip that is assumed before the first sample. It sets when a lost first packet is sent again: 30 ms in a LAN, 100 ms in a WAN.
  package var initialRoundTrip = Duration.milliseconds(30)
  /// Bytes of one handshake message: a chain of 16 KiB and its framing (`secure-transport.md` 1.2).
  package var handshakeMessageLimit = 17 << 10
  /// How long a handshake may take. RFC 9000 suggests none; ten seconds is ngtcp2's own default.
  package var handshakeTimeout = Duration.seconds(10)
  /// How long a dial may take. The pool gives most of them up earlier.
  package var dialTimeout = Duration.seconds(20)
  /// How long a client's handshake may take while more than ``retryThreshold`` are in progress, and how long a first packet waits for a place.
  package var crowdedHandshakeTimeout = Duration.seconds(3)
  /// The idle time announced to peers. The lower of both ends' values counts, and it cannot change later. So it is long, and the pool decides about
  /// eviction.
  package var idleTimeout = Duration.seconds(30 * 60)
  /// UDP payload of the largest packet sent: 1,200 passes everywhere; more is used only with ``discoversMTU``.
  package var largestPacket = 1200
  /// Whether larger packets are tried on each path. The default is off (`secure-transport.md` 2.9).
  package var discoversMTU = false

  /// Whether a client may move a connection to another address. The default is off: a member that moves makes a new connection, whose address is
  /// proven.
  package var allowsMigration = false

  /// Bytes that a peer may send, on all streams of a connection and on one of them, before we consume any.
  package var connectionWindow = 1 << 20
  package var streamWindow = 256 << 10
  /// Bidirectional streams that a peer may have open at once.
  package var streamLimit = 64
  /// Unidirectional streams that a peer may have open at once; every peer may rely on 16.
  package var unidirectionalStreamLimit = 16
  /// The total of a peer's unidirectional streams after which a connection is closed as `replaced`; only with ngtcp2 below 0.14, which never frees
  /// them (about 300 bytes each).
  package var unidirectionalStreamTotal = 8192
  /// Bytes queued on one stream beyond which ``QUICEvent/streamWritable(_:)`` is promised once half of them are gone.
  package var streamSendBuffer = 256 << 10

  /// Packets and requests accepted from one peer, on all its connections, in a second and at once; more are dropped (`secure-transport.md` 3.2).
  /// Gossip needs a few hundred.
  package var packetsPerSecond = 20_000
  package var packetBurst = 40_000
  /// Bytes of packets and streams accepted from one peer, on all its connections, in a second and at once. It is about as much as full packets at the
  /// rate above. A push/pull of 100,000 members has about 15 MB.
  package var bytesPerSecond = 32 << 20
  package var byteBurst = 64 << 20
  /// For bytes on streams that we refused, and for such streams, a peer gets new credit: this much in a second and at once, on each connection. More
  /// would let it send useless bytes at full speed.
  package var ignoredBytesPerSecond = 64 << 10
  package var ignoredByteBurst = 512 << 10
  package var ignoredStreamsPerSecond = 64
  package var ignoredStreamBurst = 128
  /// Datagrams waiting on one connection; the oldest is dropped for a new one.
  package var datagramQueueLimit = 64
  /// Bytes of oversized packets that wait on one connection until they may be sent.
  package var oversizedBacklog = 256 << 10
  /// Sent datagrams kept until they are acknowledged, for a successor of the connection (`secure-transport.md` 2.4): how many, and how long at most.
  /// That is longer than any probe waits.
  package var unacknowledgedLimit = 64
  package var unacknowledgedAge = Duration.seconds(5)
  /// The largest packet that goes on a stream of its own when no datagram holds it.
  package var oversizedPacketLimit = 64 << 10

  /// Connections at once, in any state. The pool's cap is lower; this one protects memory from handshakes.
  package var connectionLimit = 2048
  /// When this many handshakes of clients are in progress, an unknown address has to prove itself.
  package var retryThreshold = 64
  /// Handshakes of clients in progress, whether they proved their address or not: in total, from one /24 or /56, and from one IP address. At a limit
  /// a newcomer that proved its address waits for the place of the handshake that is due to make room.
  package var halfOpenLimit = 256
  package var halfOpenPerNetwork = 128
  package var halfOpenPerAddress = 16
  /// Handshakes in progress that an address and port may have without Retry when a connection was validated from it in the last ten minutes.
  package var handshakesOfKnownAddress = 4
  /// New handshakes for all sources together.
  package var handshakesPerSecond = 400
  package var handshakeBurst = 800
  /// New handshakes from one /24 or /56 that need no Retry.
  package var handshakesPerSourcePerSecond = 20
  package var handshakeBurstPerSource = 100
  /// Handshake packets handled per turn, so that a wave of dials delays no member's ack (`secure-transport.md` 2.7).
  package var handshakeStepsPerTurn = 4
  /// Long-header packets waiting for their turn; at most half of them are first packets of clients.
  package var handshakeQueueLimit = 512
  /// Refusals, version negotiations and resets in a second.
  package var statelessRepliesPerSecond = 500
  /// Retries in a second. They have their own budget, so that no other junk keeps a newcomer from proving its address.
  package var retriesPerSecond = 2000

  /// 32 bytes from which stateless reset tokens derive, and the same after a restart (`secure-transport.md` 2.4): derive it from the private key.
  /// Nil: random, and then peers do not believe the resets of a restarted endpoint.
  package var resetSecret: SecretBytes?

  /// Whether a byte of a stream goes with every datagram, so that its loss is noticed. ngtcp2 below 0.14 needs this; it is off only to show that.
  package var pulses = QUICEndpoint.needsPulse

  /// The defaults, on this address.
  package init(localAddress: NodeAddress) { self.localAddress = localAddress }
}

/// What an endpoint counted since it began. Every refusal is counted in one of these.
package struct QUICCounters: Hashable, Sendable {
  package var datagramsReceived: UInt64 = 0
  package var datagramsSent: UInt64 = 0
  package var tooShort: UInt64 = 0
  package var unreadable: UInt64 = 0
  package var unroutable: UInt64 = 0
  package var versionNegotiations: UInt64 = 0
  package var retries: UInt64 = 0
  package var invalidTokens: UInt64 = 0
  /// Clients that were told that no more connections are allowed.
  package var refusedForLoad: UInt64 = 0
  /// Unfinished handshakes of clients that were ended to make room for others.
  package var handshakesDisplaced: UInt64 = 0
  /// Handshake packets that did not fit into the queue, or were in it for too long.
  package var handshakeQueueOverflows: UInt64 = 0
  package var statelessRepliesWithheld: UInt64 = 0
  package var resetsSent: UInt64 = 0
  package var resetsReceived: UInt64 = 0
  package var handshakesStarted: UInt64 = 0
  package var handshakesAccepted: UInt64 = 0
  package var certificatesRefused: UInt64 = 0
  /// Handshakes of clients that an error of TLS or QUIC ended, such as another application protocol.
  package var handshakesFailed: UInt64 = 0
  package var packetsNotSent: UInt64 = 0
  package var streamsRefused: UInt64 = 0
  /// Packets and requests beyond what one peer may send.
  package var packetsOverLimit: UInt64 = 0
  /// Streams given up because their peer sends more bytes than it may.
  package var streamsOverLimit: UInt64 = 0

  package init() {}
}
