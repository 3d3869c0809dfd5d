import SerfIdentity
public import SerfPrimitives
import SerfQUIC

/// A ``QUICPeers`` on a ``EndpointNetwork``, and all that its user saw.
final class PeersNode: NetworkNode {
  let name: NodeName
  let address: NodeAddress
  let peers: QUICPeers
  unowned let network: EndpointNetwork

  private(set) var packets: [(bytes: [UInt8], peer: Peer)] = []
  private(set) var notSent: [PacketID: ContactFailure] = [:]
  private(set) var delayed: Set<PacketID> = []
  private(set) var exceeded: [Peer] = []
  private(set) var opened: [StreamID: Peer] = [:]
  private(set) var accepted: [StreamID: Peer] = [:]
  private(set) var received: [StreamID: [UInt8]] = [:]
  private(set) var sent: [StreamID: Int] = [:]
  private(set) var ended: Set<StreamID> = []
  private(set) var failed: [StreamID: ContactFailure] = [:]
  private(set) var hellos: [Peer] = []
  private(set) var confirmed: [Peer] = []
  private(set) var warm: Set<NodeName> = []
  private(set) var closed: [(peer: Peer, end: QUICEnd)] = []
  private(set) var dialsFailed: [QUICEnd] = []
  private(set) var turnedAway: [QUICEnd] = []
  /// Packets and requests are sent back.
  var echoes = false

  convenience init(
    _ name: String, number: UInt8, on network: EndpointNetwork, configure: (inout QUICConfiguration) -> Void = { _ in },
    pool: (inout PoolConfiguration) -> Void = { _ in }
  ) {
    self.init(name, at: NodeAddress(ipv4: 10, 0, 0, number, port: 7946), on: network, configure: configure, pool: pool)
  }

  init(
    _ name: String, at address: NodeAddress, on network: EndpointNetwork, configure: (inout QUICConfiguration) -> Void = { _ in },
    pool: (inout PoolConfiguration) -> Void = { _ in }
  ) {
    self.name = NodeName(name)
    self.network = network
    self.address = address
    let credentials = TestAuthority.shared.credentials(name)
    var configuration = QUICConfiguration(localAddress: address)
    configuration.resetSecret = credentials.statelessResetSecret
    configure(&configuration)
    var poolConfiguration = PoolConfiguration(ownName: self.name)
    pool(&poolConfiguration)
    let endpoint = QUICEndpoint(
      configuration: configuration, credentials: credentials, civilOrigin: TestAuthority.origin, at: network.now)
    peers = QUICPeers(endpoint: endpoint, pool: poolConfiguration, seed: UInt64(address.port) << 8 | UInt64(address[3]), at: network.now)
    network.connect(self)
  }

  var now: Instant { network.now }
  var nextDeadline: Instant? { peers.nextDeadline }
  var asMember: Destination { .member(name, address) }

  func send(_ bytes: [UInt8], to destination: Destination, path: SendPath = .warm, id: UInt64? = nil) {
    peers.send(bytes.span.bytes, to: destination, path: path, id: id.map { PacketID($0) }, at: now)
  }

  func request(
    _ stream: StreamID, _ bytes: [UInt8], to destination: Destination, path: SendPath = .warm, within limit: Duration = .seconds(10)
  ) {
    peers.open(stream, to: destination, path: path, deadline: now + limit, at: now)
    peers.write(bytes, on: stream, finish: true)
  }

  func receive(_ datagram: EndpointNetwork.Datagram) {
    peers.receive(datagram.bytes.span.bytes, from: datagram.source, ecn: datagram.ecn, at: now)
  }

  func setCivilTime(_ time: UTCTime) { peers.endpoint.setCivilTime(time, at: now) }

  func turn() {
    peers.advance(to: now)
    repeat {
      while let event = peers.nextEvent() { record(event) }
      while let transmit = peers.nextTransmit(at: now) {
        for bytes in peers.withBytes(of: transmit, { transmit.split($0) }) {
          network.carry(.init(arrival: now, source: address, destination: transmit.destination, bytes: bytes, ecn: transmit.ecn))
        }
      }
    } while peers.hasEvents
  }

  private func array(_ slot: ByteSlot) -> [UInt8] { peers.withBytes(of: slot) { $0.withUnsafeBytes { Array($0) } } }

  private func record(_ event: PeerEvent) {
    switch event {
    case .packet(let slot, let peer):
      packets.append((array(slot), peer))
      if echoes { send(array(slot), to: .reply(peer)) }
    case .packetNotSent(let id, let failure): notSent[id] = failure
    case .exceeded(let peer): exceeded.append(peer)
    case .packetDelayed(let id): delayed.insert(id)
    case .streamOpened(let stream, let peer): opened[stream] = peer
    case .streamAccepted(let stream, let peer): accepted[stream] = peer
    case .streamData(let stream, let slot):
      received[stream, default: []] += array(slot)
      peers.consumed(slot.count, on: stream)
    case .streamSent(let stream, let count): sent[stream, default: 0] += count
    case .streamEnded(let stream):
      ended.insert(stream)
      if echoes, accepted[stream] != nil { peers.write(received[stream] ?? [], on: stream, finish: true) }
    case .streamFailed(let stream, let failure): failed[stream] = failure
    case .hello(_, let peer): hellos.append(peer)
    case .confirmed(let peer, _): confirmed.append(peer)
    case .warmthChanged(let name, let isWarm): if isWarm { warm.insert(name) } else { warm.remove(name) }
    case .closed(let peer, let end): closed.append((peer, end))
    case .dialFailed(_, _, let end): dialsFailed.append(end)
    case .turnedAway(_, let end): turnedAway.append(end)
    }
  }
}

extension StreamID: ExpressibleByIntegerLiteral {
  public init(integerLiteral value: UInt64) { self.init(value) }
}
