import NIOCore
import SerfPrimitives
public import SerfTransport
import Synchronization

/// A network in memory, as a user of `StreamLayer` would write one: clear packets and streams between layers that share a hub.
///
/// Everything that crosses is recorded, so that a test can show what a clear transport gives away.
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

  /// A factory for one more node on this hub.
  public func transport() -> some StreamLayerFactory { MemoryTransport(hub: self) }
}

private struct MemoryTransport: StreamLayerFactory {
  let hub: MemoryHub

  func bind(on loop: any EventLoop, context: StreamLayerContext) -> EventLoopFuture<NIOLoopBound<any StreamLayer>> {
    let address = hub.state.withLock { state in
      defer { state.nextPort += 1 }
      return NodeAddress(ipv4: 127, 0, 0, 1, port: state.nextPort)
    }
    let layer = MemoryLayer(hub: hub, loop: loop, address: address)
    hub.state.withLock { $0.layers[address] = layer.end }
    return loop.makeSucceededFuture(NIOLoopBound(layer, eventLoop: loop))
  }
}

/// A layer as other loops may hold it.
private struct MemoryEnd: Sendable {
  let loop: any EventLoop
  let layer: NIOLoopBound<MemoryLayer>

  /// In a later turn of the layer's loop, as the contract of `StreamLayer` asks.
  func later(_ body: @escaping @Sendable (MemoryLayer, Instant) -> Void) {
    loop.execute {
      let now = Instant(nanoseconds: Int64(clamping: loop.now.uptimeNanoseconds))
      body(layer.value, now)
      layer.value.handler?.readComplete(at: now)
    }
  }
}

private final class MemoryLayer: StreamLayer {
  let hub: MemoryHub
  let loop: any EventLoop
  let localAddress: NodeAddress
  let protection = Protection.clear
  let streamEndsWithMessage = true
  weak var handler: (any StreamLayerHandler)?
  /// The other end of each stream, and its number there.
  var streams: [StreamID: (peer: MemoryEnd, stream: StreamID)] = [:]
  var accepted: UInt64 = 1

  init(hub: MemoryHub, loop: any EventLoop, address: NodeAddress) {
    self.hub = hub
    self.loop = loop
    localAddress = address
  }

  var end: MemoryEnd { MemoryEnd(loop: loop, layer: NIOLoopBound(self, eventLoop: loop)) }

  func start(_ handler: any StreamLayerHandler) { self.handler = handler }
  let packetBudget = 1400
  func flush(at now: Instant) {}
  func consumed(_ count: Int, on stream: StreamID) {}
  func close(_ peer: Peer, reason: CloseReason, at now: Instant) {}

  func send(_ packet: RawSpan, to destination: Destination, path: SendPath, id: PacketID?, checksummed: Bool, at now: Instant) {
    let bytes = record(packet.withUnsafeBytes { Array($0) })
    let source = Peer(address: localAddress)
    deliver(to: destination.address) { layer, now in
      layer.handler?.packetReceived(bytes.span.bytes, from: source, at: now)
    }
  }

  func open(_ stream: StreamID, to destination: Destination, path: SendPath, deadline: Instant, at now: Instant) {
    guard let peer = hub.state.withLock({ $0.layers[destination.address] }) else {
      return end.later { layer, now in layer.handler?.streamFailed(stream, .noContact, at: now) }
    }
    let here = end
    let theirs = StreamID(accepted << 32 | UInt64(localAddress.port) << 1 | 1)
    accepted += 1
    streams[stream] = (peer, theirs)
    let (mine, theirPeer) = (Peer(address: localAddress), Peer(address: destination.address))
    end.later { layer, now in layer.handler?.streamOpened(stream, peer: theirPeer, at: now) }
    peer.later { layer, now in
      layer.streams[theirs] = (here, stream)
      layer.handler?.streamAccepted(theirs, from: mine, at: now)
    }
  }

  func write(_ bytes: [UInt8], on stream: StreamID, finish: Bool) {
    guard let (peer, theirs) = streams[stream] else { return }
    _ = record(bytes)
    peer.later { layer, now in
      layer.handler?.streamReceived(theirs, bytes.span.bytes, at: now)
      if finish { layer.handler?.streamEnded(theirs, at: now) }
    }
  }

  func reset(_ stream: StreamID) {
    guard let (peer, theirs) = streams.removeValue(forKey: stream) else { return }
    peer.later { layer, now in
      layer.streams[theirs] = nil
      layer.handler?.streamFailed(theirs, .broken, at: now)
    }
  }

  func shutdown(reason: CloseReason, at now: Instant) -> EventLoopFuture<Void> {
    hub.state.withLock { $0.layers[localAddress] = nil }
    handler = nil
    return loop.makeSucceededVoidFuture()
  }

  private func record(_ bytes: [UInt8]) -> [UInt8] {
    hub.state.withLock { $0.recorded.append(bytes) }
    return bytes
  }

  private func deliver(to address: NodeAddress, _ body: @escaping @Sendable (MemoryLayer, Instant) -> Void) {
    hub.state.withLock { $0.layers[address] }?.later(body)
  }
}

extension Destination {
  /// The socket address behind the destination.
  fileprivate var address: NodeAddress {
    switch self {
    case .reply(let peer): peer.address
    case .member(_, let address), .anyMember(let address): address
    }
  }
}
