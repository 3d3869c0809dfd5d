import NIOCore
import Serf
import SerfPrimitives
import SerfTransport
import SerfWire

/// The other member: it says the same again and again.
final class Speaker: StreamLayerHandler {
  private let name: NodeName
  private let layer: any StreamLayer
  private let node: Destination
  private let loop: any EventLoop
  private var expansion = PacketWalker.Expansion()
  /// Gossip, and the first packet of all, in which it announces itself.
  private let gossip: [[UInt8]]
  private let announcement: [UInt8]
  private var left = 0
  private var acks = 0
  private var sequenceNumber: UInt32 = 0
  private var isAnswered = false
  private var end: EventLoopPromise<Int>?

  init(_ name: NodeName, on layer: any StreamLayer, to node: Destination, loop: any EventLoop) {
    self.name = name
    self.layer = layer
    self.node = node
    self.loop = loop
    var traffic = Traffic(provesNames: false)
    let events = (0..<12).map { _ in traffic.event() }
    gossip = (0..<16).map { number in
      var compound = CompoundWriter()
      for event in events.prefix(1 + number % 6) { compound.add(event.span.bytes) }
      var packet: [UInt8] = []
      compound.finish(into: &packet)
      return packet
    }
    var bytes: [UInt8] = []
    Alive(
      incarnation: 1, node: name.bytes.span.bytes, address: layer.localAddress, meta: nil,
      versions: ProtocolVersions(
        protocolMinimum: 1, protocolMaximum: 5, protocolCurrent: 2, delegateMinimum: 2, delegateMaximum: 5, delegateCurrent: 5)
    ).encode(into: &bytes)
    announcement = bytes
  }

  /// Sends so many packets; the future has the number of acks.
  func speak(packets: Int) -> EventLoopFuture<Int> {
    let end = loop.makePromise(of: Int.self)
    self.end = end
    (left, acks) = (packets, 0)
    sendBatch(at: .now(on: loop))
    return end.futureResult
  }

  private func sendBatch(at now: Instant) {
    guard left > 0 else {
      end?.succeed(acks)
      end = nil
      return
    }
    isAnswered = false
    sequenceNumber += 1
    if sequenceNumber == 1 { send(announcement, at: now) }
    for packet in gossip.dropFirst() { send(packet, at: now) }
    var bytes: [UInt8] = []
    if let asked = node.expectedName {
      let own = name
      Ping(sequenceNumber: sequenceNumber, node: asked.bytes.span.bytes, source: layer.localAddress, sourceNode: own.bytes.span.bytes)
        .encode(into: &bytes)
    }
    send(bytes, at: now)
    layer.flush(at: now)
    left -= gossip.count
    // A packet may be lost, and the first ones wait for a connection.
    let number = sequenceNumber
    let here = NIOLoopBound(self, eventLoop: loop)
    loop.scheduleTask(in: .seconds(1)) { if here.value.sequenceNumber == number { here.value.sendBatch(at: .now(on: here.value.loop)) } }
  }

  private func send(_ packet: [UInt8], at now: Instant) {
    layer.send(packet.span.bytes, to: node, path: .warm, id: nil, checksummed: false, at: now)
  }

  // MARK: StreamLayerHandler

  func packetReceived(_ packet: RawSpan, from peer: Peer, at now: Instant) {
    var pings: [UInt32] = []
    var walker = PacketWalker(packet, using: &expansion)
    while let leaf = walker.next() {
      switch leaf.type {
      case .ping: if let ping = try? Ping(decoding: leaf.body) { pings.append(ping.sequenceNumber) }
      case .ack: if let ack = try? Ack(decoding: leaf.body), ack.sequenceNumber == sequenceNumber { isAnswered = true }
      default: break
      }
    }
    expansion = walker.finish()
    for ping in pings {
      var bytes: [UInt8] = []
      Ack(sequenceNumber: ping, payload: nil).encode(into: &bytes)
      send(bytes, at: now)
    }
  }

  func readComplete(at now: Instant) {
    if isAnswered {
      acks += 1
      sendBatch(at: now)
    } else {
      layer.flush(at: now)
    }
  }

  func packetNotSent(_ id: PacketID, _ reason: ContactFailure, at now: Instant) {}
  func streamOpened(_ stream: StreamID, peer: Peer, at now: Instant) {}
  func streamAccepted(_ stream: StreamID, from peer: Peer, at now: Instant) { layer.reset(stream) }
  func streamReceived(_ stream: StreamID, _ bytes: RawSpan, at now: Instant) {}
  func streamEnded(_ stream: StreamID, at now: Instant) {}
  func streamFailed(_ stream: StreamID, _ reason: ContactFailure, at now: Instant) {}
  func warmthChanged(_ name: NodeName, isWarm: Bool, at now: Instant) {}
  func isUnderScrutiny(_ name: NodeName) -> Bool { false }
  func address(of name: NodeName) -> NodeAddress? { name == node.expectedName ? node.address : nil }
  func connectionClosed(_ peer: Peer, reason: CloseReason, byPeer: Bool, at now: Instant) {}
}
