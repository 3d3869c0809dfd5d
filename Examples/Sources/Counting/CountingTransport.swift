import NIOCore
import SerfTransport

/// Any transport, and beside its figures how many packets the node sends, and how many bytes in packets and on streams, before encryption.
public struct CountingTransport: StreamLayerFactory {
  private let inner: any StreamLayerFactory

  public init(_ inner: some StreamLayerFactory) { self.inner = inner }

  public var provenName: NodeName? { inner.provenName }

  public func bind(on loop: any EventLoop, context: StreamLayerContext) -> EventLoopFuture<NIOLoopBound<any StreamLayer>> {
    inner.bind(on: loop, context: context).map { NIOLoopBound(CountingLayer($0.value), eventLoop: loop) }
  }
}

/// Forwards everything, also what has a default in the protocol: a default would hide what the inner layer says.
private final class CountingLayer: StreamLayer {
  private let inner: any StreamLayer
  private var packets: UInt64 = 0
  private var bytes: UInt64 = 0

  init(_ inner: any StreamLayer) { self.inner = inner }

  var figures: [TransportFigure] {
    inner.figures + [TransportFigure("counted_packets", packets), TransportFigure("counted_bytes", bytes)]
  }

  func send(_ packet: RawSpan, to destination: Destination, path: SendPath, id: PacketID?, checksummed: Bool, at now: Instant) {
    packets += 1
    bytes += UInt64(packet.byteCount)
    inner.send(packet, to: destination, path: path, id: id, checksummed: checksummed, at: now)
  }

  func write(_ bytes: [UInt8], on stream: StreamID, finish: Bool) {
    self.bytes += UInt64(bytes.count)
    inner.write(bytes, on: stream, finish: finish)
  }

  // MARK: As the inner layer does it

  var localAddress: NodeAddress { inner.localAddress }
  var reachableAddress: NodeAddress { inner.reachableAddress }
  var protection: TransportProtection { inner.protection }
  var agreement: String? { inner.agreement }
  var keyring: KeyringAccess { inner.keyring }
  var statesPeerFeatures: Bool { inner.statesPeerFeatures }
  var streamEndsWithMessage: Bool { inner.streamEndsWithMessage }
  var packetBudget: Int { inner.packetBudget }
  var largestPacket: Int { inner.largestPacket }
  func envelope(for destination: Destination) -> StreamEnvelope { inner.envelope(for: destination) }

  func start(_ handler: any StreamLayerHandler) { inner.start(handler) }
  func flush(at now: Instant) { inner.flush(at: now) }
  func open(_ stream: StreamID, to destination: Destination, path: SendPath, deadline: Instant, at now: Instant) {
    inner.open(stream, to: destination, path: path, deadline: deadline, at: now)
  }
  func consumed(_ count: Int, on stream: StreamID) { inner.consumed(count, on: stream) }
  func reset(_ stream: StreamID) { inner.reset(stream) }
  func release(_ stream: StreamID) { inner.release(stream) }
  func close(_ peer: Peer, reason: CloseReason, at now: Instant) { inner.close(peer, reason: reason, at: now) }
  func hint(_ hint: MembershipHint, at now: Instant) { inner.hint(hint, at: now) }
  func shutdown(reason: CloseReason, at now: Instant) -> EventLoopFuture<Void> { inner.shutdown(reason: reason, at: now) }
}
