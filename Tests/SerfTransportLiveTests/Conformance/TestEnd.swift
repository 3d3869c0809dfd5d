import Logging
import MemoryTransport
import NIOCore
import NIOPosix
import SerfPrimitives
import SerfTestSupport
import SerfTransport
import Testing

/// A bound layer and its handler, as a test on another thread may hold them.
final class TestEnd: Sendable {
  let name: NodeName
  let address: NodeAddress
  private let loop: any EventLoop
  private let recorder: NIOLoopBound<Recorder>

  private init(name: NodeName, address: NodeAddress, recorder: NIOLoopBound<Recorder>, loop: any EventLoop) {
    (self.name, self.address, self.recorder, self.loop) = (name, address, recorder, loop)
  }

  /// Binds a layer and starts it.
  static func bind(_ conformer: Conformer, _ name: NodeName, port: UInt16 = 0, on hub: MemoryHub) async throws -> TestEnd {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let factory = try conformer.factory(name, port, hub)
    let context = StreamLayerContext(
      nodeName: name, advertise: nil, probeTimeout: .milliseconds(500), probeInterval: .seconds(1), logger: Logger(label: "conformance"))
    return try await loop.flatSubmit { factory.bind(on: loop, context: context) }
      .map { bound in
        let recorder = Recorder(bound.value, on: loop)
        recorder.layer.start(recorder)
        return TestEnd(
          name: name, address: recorder.layer.localAddress, recorder: NIOLoopBound(recorder, eventLoop: loop), loop: loop)
      }.get()
  }

  /// The destination with which other ends reach this one.
  var destination: Destination { .member(name, address) }

  /// Looks at what the handler was told.
  func read<Value: Sendable>(_ body: @escaping @Sendable (Recorder) -> Value) async throws -> Value {
    try await loop.submit { [recorder] in body(recorder.value) }.get()
  }

  /// Calls the layer; it must not call the handler before the call returns.
  func call<Value: Sendable>(_ body: @escaping @Sendable (any StreamLayer, Instant) -> Value) async throws -> Value {
    try await read { $0.call(body) }
  }

  func send(_ packet: [UInt8], to destination: Destination, id: PacketID? = nil) async throws {
    try await call { $0.send(packet.span.bytes, to: destination, path: .warm, id: id, checksummed: false, at: $1) }
  }

  func open(_ stream: StreamID, to destination: Destination, within time: Duration = .seconds(5)) async throws {
    try await call { $0.open(stream, to: destination, path: .warm, deadline: $1 + time, at: $1) }
  }

  func write(_ bytes: [UInt8], on stream: StreamID, finish: Bool = false) async throws {
    try await call { layer, _ in layer.write(bytes, on: stream, finish: finish) }
  }

  /// Waits until the handler was told enough.
  func waits(
    for what: Comment, within limit: Duration = .seconds(10), sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: @escaping @Sendable (Recorder) -> Bool
  ) async throws {
    try await eventually("\(self.name): \(what)", within: limit, sourceLocation: sourceLocation) { try await read(condition) }
  }

  /// Completes when the port is free.
  func shutdown() async throws {
    try await loop.flatSubmit { [recorder] in recorder.value.call { $0.shutdown(reason: .shutdown, at: $1) } }.get()
  }
}

/// A handler that keeps what it is told, and consumes what it receives unless it is asked not to. It is used on the layer's loop only.
final class Recorder: StreamLayerHandler {
  let layer: any StreamLayer
  private let loop: any EventLoop
  private var isInCall = false

  /// Whether received bytes are consumed at once.
  var takes = true
  private(set) var packets: [(bytes: [UInt8], peer: Peer)] = []
  private(set) var notSent: [PacketID] = []
  private(set) var opened: [StreamID: Peer] = [:]
  private(set) var accepted: [(stream: StreamID, peer: Peer)] = []
  private(set) var received: [StreamID: [UInt8]] = [:]
  /// How many written bytes the layer has released.
  private(set) var sent: [StreamID: Int] = [:]
  private(set) var ended: Set<StreamID> = []
  private(set) var failed: [StreamID: ContactFailure] = [:]
  /// How many callbacks came after the stream had failed or ended.
  private(set) var late = 0
  /// Callbacks from within a call.
  private(set) var intrusions = 0

  init(_ layer: any StreamLayer, on loop: any EventLoop) {
    self.layer = layer
    self.loop = loop
  }

  func call<Value>(_ body: (any StreamLayer, Instant) -> Value) -> Value {
    let was = isInCall
    isInCall = true
    defer { isInCall = was }
    let now = Instant.now(on: loop)
    let value = body(layer, now)
    layer.flush(at: now)
    return value
  }

  private func note(_ stream: StreamID?) {
    if isInCall { intrusions += 1 }
    if let stream, failed[stream] != nil { late += 1 }
  }

  func packetReceived(_ packet: RawSpan, from peer: Peer, at now: Instant) {
    note(nil)
    packets.append((packet.withUnsafeBytes { Array($0) }, peer))
  }

  func packetNotSent(_ id: PacketID, _ reason: ContactFailure, at now: Instant) {
    note(nil)
    notSent.append(id)
  }

  func streamOpened(_ stream: StreamID, peer: Peer, at now: Instant) {
    note(stream)
    opened[stream] = peer
  }

  func streamAccepted(_ stream: StreamID, from peer: Peer, at now: Instant) {
    note(stream)
    accepted.append((stream, peer))
  }

  func streamReceived(_ stream: StreamID, _ bytes: RawSpan, at now: Instant) {
    note(stream)
    if ended.contains(stream) { late += 1 }
    bytes.withUnsafeBytes { received[stream, default: []].append(contentsOf: $0) }
    if takes { call { layer, _ in layer.consumed(bytes.byteCount, on: stream) } }
  }

  func streamSent(_ stream: StreamID, _ count: Int, at now: Instant) {
    note(stream)
    sent[stream, default: 0] += count
  }

  func streamEnded(_ stream: StreamID, at now: Instant) {
    note(stream)
    if !ended.insert(stream).inserted { late += 1 }
  }

  func streamFailed(_ stream: StreamID, _ reason: ContactFailure, at now: Instant) {
    note(stream)
    failed[stream] = reason
  }

  func packetDelayed(_ id: PacketID, at now: Instant) { note(nil) }
  func warmthChanged(_ name: NodeName, isWarm: Bool, at now: Instant) { note(nil) }
  func isUnderScrutiny(_ name: NodeName) -> Bool { false }
  func address(of name: NodeName) -> NodeAddress? { nil }
  func connectionClosed(_ peer: Peer, reason: CloseReason, byPeer: Bool, at now: Instant) { note(nil) }
  func readComplete(at now: Instant) {
    note(nil)
    layer.flush(at: now)
  }
}
