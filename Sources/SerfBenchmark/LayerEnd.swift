import Logging
import NIOCore
import NIOPosix
import Serf
import SerfPrimitives
import SerfTransport

/// One end of a transport that is measured without a node. Everything but `count` happens on its loop.
///
/// This one is the answering end: it sends back each packet, and on a stream as many bytes as it got once it has `messageSize` of them.
class LayerEnd: StreamLayerHandler {
  let layer: any StreamLayer
  let loop: any EventLoop
  /// How many bytes a message on a stream has.
  let messageSize: Int
  /// How much of the work is done: handshakes, exchanges or packets.
  var count = 0
  /// Whether the measurement has ended, so that no work follows.
  var isOver = false
  private var received: [StreamID: Int] = [:]

  required init(_ layer: any StreamLayer, on loop: any EventLoop, messageSize: Int) {
    self.layer = layer
    self.loop = loop
    self.messageSize = messageSize
  }

  /// Begins the work with the end at the destination.
  func begin(with destination: Destination, at now: Instant) {}

  /// Takes bytes of a stream. Returns whether the message is complete.
  func take(_ bytes: RawSpan, on stream: StreamID) -> Bool {
    layer.consumed(bytes.byteCount, on: stream)
    let sum = received[stream, default: 0] + bytes.byteCount
    received[stream] = sum < messageSize ? sum : nil
    return sum >= messageSize
  }

  /// A message for a stream.
  func write(on stream: StreamID) {
    layer.write([UInt8](repeating: 7, count: messageSize), on: stream, finish: layer.streamEndsWithMessage)
  }

  func packetReceived(_ packet: RawSpan, from peer: Peer, at now: Instant) {
    count += 1
    layer.send(packet, to: .reply(peer), path: .warm, id: nil, checksummed: false, at: now)
  }

  func streamReceived(_ stream: StreamID, _ bytes: RawSpan, at now: Instant) {
    guard take(bytes, on: stream) else { return }
    write(on: stream)
    layer.release(stream)
  }

  func streamOpened(_ stream: StreamID, peer: Peer, at now: Instant) {}
  func streamFailed(_ stream: StreamID, _ reason: ContactFailure, at now: Instant) { received[stream] = nil }
  func streamAccepted(_ stream: StreamID, from peer: Peer, at now: Instant) {}
  func streamEnded(_ stream: StreamID, at now: Instant) {}
  func packetNotSent(_ id: PacketID, _ reason: ContactFailure, at now: Instant) {}
  func warmthChanged(_ name: NodeName, isWarm: Bool, at now: Instant) {}
  func isUnderScrutiny(_ name: NodeName) -> Bool { false }
  func address(of name: NodeName) -> NodeAddress? { nil }
  func connectionClosed(_ peer: Peer, reason: CloseReason, byPeer: Bool, at now: Instant) {}
  func readComplete(at now: Instant) { layer.flush(at: now) }
}

/// An end as other threads may hold it.
struct BoundEnd: Sendable {
  let name: NodeName
  let address: NodeAddress
  private let loop: any EventLoop
  private let end: NIOLoopBound<LayerEnd>

  /// Binds a transport to a port that the kernel chooses, on the next loop.
  static func bind(_ type: LayerEnd.Type, _ name: String, by factory: NodeFactory, messageSize: Int) async throws -> BoundEnd {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let transport = try NodeFactory.layer(factory.papers(name), transport: factory.transport)
    var logger = Logger(label: "serf")
    logger.logLevel = .critical
    let name = NodeName(name)
    let context = StreamLayerContext(
      nodeName: name, advertise: nil, probeTimeout: .milliseconds(500), probeInterval: .seconds(1), logger: logger)
    return try await loop.flatSubmit { transport.bind(on: loop, context: context) }
      .map { bound in
        let end = type.init(bound.value, on: loop, messageSize: messageSize)
        end.layer.start(end)
        return BoundEnd(name: name, address: end.layer.localAddress, loop: loop, end: NIOLoopBound(end, eventLoop: loop))
      }.get()
  }

  func begin(with other: BoundEnd) async throws {
    try await loop.submit { [end] in
      let now = Instant.now(on: end.value.loop)
      end.value.begin(with: .member(other.name, other.address), at: now)
      end.value.layer.flush(at: now)
    }.get()
  }

  var count: Int { get async throws { try await loop.submit { [end] in end.value.count }.get() } }

  func shutdown() async throws {
    try await loop.flatSubmit { [end] in
      end.value.isOver = true
      return end.value.layer.shutdown(reason: .shutdown, at: .now(on: end.value.loop))
    }.get()
  }
}
