import NIOCore
public import SerfTransport
import Synchronization

/// A network in memory, as a user of `StreamLayer` would write one: unencrypted packets and streams between layers that share a hub.
///
/// This target sees only what is public, so it shows that a transport can be written outside of the package.
///
/// All traffic is recorded, so that a test can show what an unencrypted transport reveals.
public final class MemoryHub: Sendable {
  fileprivate struct State {
    var layers: [NodeAddress: MemoryEnd] = [:]
    var recorded: [[UInt8]] = []
    var nextPort: UInt16 = 1
  }

  fileprivate let state = Mutex(State())

  public init() {}

  /// Every packet and stream chunk so far.
  public var recorded: [[UInt8]] { state.withLock { $0.recorded } }

  /// A factory for one more node on this hub; port 0 lets the hub choose.
  public func transport(port: UInt16 = 0) -> some StreamLayerFactory { MemoryPort(hub: self, port: port) }

  fileprivate func find(_ address: NodeAddress) -> MemoryEnd? { state.withLock { $0.layers[address] } }
  fileprivate func record(_ bytes: [UInt8]) { state.withLock { $0.recorded.append(bytes) } }
}

private struct MemoryPort: StreamLayerFactory {
  let hub: MemoryHub
  let port: UInt16

  func bind(on loop: any EventLoop, context: StreamLayerContext) -> EventLoopFuture<NIOLoopBound<any StreamLayer>> {
    let layer = hub.state.withLock { state in
      var address = NodeAddress(ipv4: 127, 0, 0, 1, port: port)
      while address.port == 0 || (port == 0 && state.layers[address] != nil) {
        address.port = state.nextPort
        state.nextPort += 1
      }
      let layer = MemoryLayer(hub: hub, loop: loop, address: address)
      state.layers[address] = layer.end
      return NIOLoopBound(layer, eventLoop: loop)
    }
    return loop.makeSucceededFuture(NIOLoopBound(layer.value, eventLoop: loop))
  }
}

/// A layer as other loops may hold it.
private struct MemoryEnd: Sendable {
  let loop: any EventLoop
  let layer: NIOLoopBound<MemoryLayer>

  /// In a later turn of the layer's loop, as the contract of `StreamLayer` requires.
  func later(_ body: @escaping @Sendable (MemoryLayer, StreamLayer.Instant) -> Void) {
    loop.execute {
      let now = StreamLayer.Instant.now(on: loop)
      body(layer.value, now)
      layer.value.handler?.readComplete(at: now)
    }
  }
}

private final class MemoryLayer: StreamLayer {
  /// Our end of a stream: the other end, and what has arrived but is not delivered yet.
  struct Stream {
    let peer: MemoryEnd
    let theirs: StreamID
    var inbox: [UInt8] = []
    var untaken = 0
    var isEndWaiting = false
    var isHalfFinished = false
  }

  let hub: MemoryHub
  let loop: any EventLoop
  let localAddress: NodeAddress
  let protection = TransportProtection.clear
  let streamEndsWithMessage = true
  let packetBudget = 1400
  weak var handler: (any StreamLayerHandler)?
  var streams: [StreamID: Stream] = [:]
  var opened: UInt64 = 0

  init(hub: MemoryHub, loop: any EventLoop, address: NodeAddress) {
    (self.hub, self.loop, localAddress) = (hub, loop, address)
  }

  var end: MemoryEnd { MemoryEnd(loop: loop, layer: NIOLoopBound(self, eventLoop: loop)) }

  func start(_ handler: any StreamLayerHandler) { self.handler = handler }
  func flush(at now: Instant) {}
  func close(_ peer: Peer, reason: CloseReason, at now: Instant) {}

  func send(_ packet: RawSpan, to destination: Destination, path: SendPath, id: PacketID?, checksummed: Bool, at now: Instant) {
    let bytes = packet.withUnsafeBytes { Array($0) }
    let source = Peer(address: localAddress)
    hub.record(bytes)
    hub.find(destination.address)?.later { layer, now in layer.handler?.packetReceived(bytes.span.bytes, from: source, at: now) }
  }

  func open(_ stream: StreamID, to destination: Destination, path: SendPath, deadline: Instant, at now: Instant) {
    guard let peer = hub.find(destination.address) else {
      return end.later { layer, now in layer.handler?.streamFailed(stream, .noContact, at: now) }
    }
    opened += 1
    let theirs = StreamID(opened << 32 | UInt64(localAddress.port) << 1 | 1)
    streams[stream] = Stream(peer: peer, theirs: theirs)
    let (here, us, them) = (end, Peer(address: localAddress), Peer(address: destination.address))
    here.later { layer, now in if layer.streams[stream] != nil { layer.handler?.streamOpened(stream, peer: them, at: now) } }
    peer.later { layer, now in
      layer.streams[theirs] = Stream(peer: here, theirs: stream)
      layer.handler?.streamAccepted(theirs, from: us, at: now)
    }
  }

  func write(_ bytes: [UInt8], on stream: StreamID, finish: Bool) {
    guard let found = streams[stream], !found.isHalfFinished else { return }
    hub.record(bytes)
    if finish { streams[stream]?.isHalfFinished = true }
    found.peer.later { layer, now in
      layer.streams[found.theirs]?.inbox += bytes
      if finish { layer.streams[found.theirs]?.isEndWaiting = true }
      layer.handOver(found.theirs, at: now)
    }
  }

  /// Delivers as much as may be unconsumed, and the end after the last byte.
  private func handOver(_ stream: StreamID, at now: Instant) {
    while let found = streams[stream], !found.inbox.isEmpty, found.untaken < 1 << 16 {
      let chunk = Array(found.inbox.prefix(1 << 16))
      streams[stream]?.inbox.removeFirst(chunk.count)
      streams[stream]?.untaken += chunk.count
      handler?.streamReceived(stream, chunk.span.bytes, at: now)
      found.peer.later { layer, now in layer.handler?.streamSent(found.theirs, chunk.count, at: now) }
    }
    guard let found = streams[stream], found.inbox.isEmpty, found.isEndWaiting else { return }
    streams[stream]?.isEndWaiting = false
    handler?.streamEnded(stream, at: now)
  }

  func consumed(_ count: Int, on stream: StreamID) {
    guard let found = streams[stream] else { return }
    streams[stream]?.untaken -= count
    if !found.inbox.isEmpty { end.later { layer, now in layer.handOver(stream, at: now) } }
  }

  func reset(_ stream: StreamID) {
    guard let found = streams.removeValue(forKey: stream) else { return }
    found.peer.later { layer, now in
      if layer.streams.removeValue(forKey: found.theirs) != nil { layer.handler?.streamFailed(found.theirs, .broken, at: now) }
    }
  }

  func shutdown(reason: CloseReason, at now: Instant) -> EventLoopFuture<Void> {
    if handler != nil { hub.state.withLock { $0.layers[localAddress] = nil } }
    handler = nil
    for stream in streams.keys { reset(stream) }
    return loop.makeSucceededVoidFuture()
  }
}
