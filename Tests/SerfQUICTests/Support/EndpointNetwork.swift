import SerfIdentity
import SerfPrimitives
import SerfQUIC

/// Endpoints in memory, joined by a network in virtual time: seeded loss, latency and jitter, and hooks to read or change what passes.
final class EndpointNetwork {
  struct Datagram {
    var arrival: Instant
    var source: NodeAddress
    var destination: NodeAddress
    var bytes: [UInt8]
    var ecn: UInt8
  }

  private(set) var now = Instant.zero
  /// The share of datagrams that is lost.
  var loss = 0.0
  var latency = Duration.milliseconds(2)
  var jitter = Duration.microseconds(200)
  var random: SeededRandom
  /// Sees each datagram before it is delivered; returns what to deliver instead, nothing for a loss.
  var intercept: ((Datagram) -> [Datagram])?
  private(set) var sent = 0
  private(set) var lost = 0

  private var nodes: [NodeAddress: any NetworkNode] = [:]
  private var order: [NodeAddress] = []
  private var underWay: [Datagram] = []
  /// Up to this number, all nodes have a turn whenever anything happens, because a test's condition may have given them commands. In a larger
  /// network, only those nodes have one that received something or have a timer due.
  private static let smallNetwork = 16

  init(seed: UInt64 = 1) { random = SeededRandom(seed: seed) }

  /// A node of the test cluster at `10.0.0.<number>`.
  func node(
    _ name: String, number: UInt8, credentials: Credentials? = nil, configure: (inout QUICConfiguration) -> Void = { _ in }
  ) -> TestNode {
    node(name, at: NodeAddress(ipv4: 10, 0, 0, number, port: 7946), credentials: credentials, configure: configure)
  }

  /// A node of the test cluster.
  func node(
    _ name: String, at address: NodeAddress, credentials: Credentials? = nil, configure: (inout QUICConfiguration) -> Void = { _ in }
  ) -> TestNode {
    var configuration = QUICConfiguration(localAddress: address)
    configure(&configuration)
    let endpoint = QUICEndpoint(
      configuration: configuration, credentials: credentials ?? TestAuthority.shared.credentials(name),
      civilOrigin: TestAuthority.origin, at: now)
    let node = TestNode(endpoint: endpoint, address: address, network: self)
    connect(node)
    return node
  }

  /// Connects a node, in the place of any node that had its address.
  func connect(_ node: any NetworkNode) {
    if nodes[node.address] == nil { order.append(node.address) }
    nodes[node.address] = node
  }

  /// What is sent to this address is lost from now on.
  func disconnect(_ address: NodeAddress) { nodes[address] = nil }

  /// Puts a datagram on the wire as if `source` had sent it.
  func inject(_ bytes: [UInt8], from source: NodeAddress, to destination: NodeAddress, ecn: UInt8 = 0) {
    underWay.append(Datagram(arrival: now + latency, source: source, destination: destination, bytes: bytes, ecn: ecn))
  }

  func carry(_ datagram: Datagram) {
    sent += 1
    if random.chance(loss) {
      lost += 1
      return
    }
    var datagram = datagram
    datagram.arrival = now + latency + random.fraction(of: jitter)
    underWay += intercept?(datagram) ?? [datagram]
  }

  /// Runs until `condition` holds or `limit` of virtual time has passed; says which.
  @discardableResult
  func run(for limit: Duration, until condition: () -> Bool = { false }) -> Bool {
    let end = now + limit
    for address in order { nodes[address]?.turn() }
    while !condition() {
      let arrival = underWay.map(\.arrival).min() ?? .distantFuture
      let deadline = nodes.values.compactMap { $0.nextDeadline }.min() ?? .distantFuture
      let next = max(min(arrival, deadline), now)
      guard next <= end else {
        now = end
        return condition()
      }
      now = next
      let due = underWay.filter { $0.arrival <= now }.sorted { $0.arrival < $1.arrival }
      underWay.removeAll { $0.arrival <= now }
      for datagram in due { nodes[datagram.destination]?.receive(datagram) }
      let receivers = Set(due.map(\.destination))
      for address in order {
        guard let node = nodes[address] else { continue }
        let hasWork = order.count <= Self.smallNetwork || receivers.contains(address) || node.nextDeadline ?? .distantFuture <= now
        if hasWork { node.turn() }
      }
    }
    return true
  }
}

/// What a ``EndpointNetwork`` joins.
protocol NetworkNode: AnyObject {
  var address: NodeAddress { get }
  var nextDeadline: Instant? { get }
  func receive(_ datagram: EndpointNetwork.Datagram)
  /// A timer is due or datagrams have arrived: acts, and sends what waits.
  func turn()
}

extension Transmit {
  /// The single datagrams of a batch.
  func split(_ bytes: RawSpan) -> [[UInt8]] {
    stride(from: 0, to: bytes.byteCount, by: segmentSize).map { start in
      bytes.extracting(start..<min(start + segmentSize, bytes.byteCount)).withUnsafeBytes { Array($0) }
    }
  }
}

/// One endpoint and all that its user saw.
final class TestNode: NetworkNode {
  let endpoint: QUICEndpoint
  let address: NodeAddress
  unowned let network: EndpointNetwork

  /// Whether data of streams is consumed at once; off for a slow reader.
  var consumes = true
  /// Whether peers' streams are answered with their own content once they have ended.
  var echoes = false

  private(set) var established: [(id: ConnectionID, role: QUICRole, name: NodeName)] = []
  private(set) var confirmed: [ConnectionID] = []
  private(set) var packets: [[UInt8]] = []
  private(set) var packetCount = 0
  var keepsPackets = true
  private(set) var notSent: [PacketID] = []
  private(set) var exceeded = 0
  private(set) var hellos: [[UInt8]] = []
  private(set) var opened: [QUICStreamID] = []
  private(set) var received: [QUICStreamID: [UInt8]] = [:]
  private(set) var ended: Set<QUICStreamID> = []
  private(set) var resets: [QUICStreamID: UInt64] = [:]
  private(set) var stopped: Set<QUICStreamID> = []
  private(set) var sentBytes: [QUICStreamID: Int] = [:]
  private(set) var writable = 0
  private(set) var streamsClosed: Set<QUICStreamID> = []
  private(set) var moved: [NodeAddress] = []
  private(set) var closed: [ConnectionID: QUICEnd] = [:]
  private(set) var turnedAway: [QUICEnd] = []
  var onEvent: ((QUICEvent) -> Void)?

  init(endpoint: QUICEndpoint, address: NodeAddress, network: EndpointNetwork) {
    self.endpoint = endpoint
    self.address = address
    self.network = network
  }

  var now: Instant { network.now }
  /// The node does not run: packets arrive, and it does nothing.
  var isStalled = false
  var nextDeadline: Instant? { isStalled ? nil : endpoint.nextDeadline }

  @discardableResult
  func dial(_ other: TestNode, expecting expectation: DialExpectation = .anyMember) -> ConnectionID {
    guard let id = endpoint.connect(to: other.address, expecting: expectation, at: now) else { fatalError("no dial") }
    return id
  }

  /// Sends a packet with a deadline far away.
  @discardableResult
  func send(_ bytes: [UInt8], on id: ConnectionID, id packetID: PacketID? = nil, within limit: Duration = .seconds(3600)) -> Bool {
    endpoint.send(bytes.span.bytes, on: id, id: packetID, deadline: now + limit)
  }

  func receive(_ datagram: EndpointNetwork.Datagram) {
    endpoint.receive(datagram.bytes.span.bytes, from: datagram.source, ecn: datagram.ecn, at: now)
  }

  func turn() {
    guard !isStalled else { return }
    endpoint.advance(to: now)
    drain()
    while let transmit = endpoint.nextTransmit(at: now) {
      for bytes in endpoint.withBytes(of: transmit, { transmit.split($0) }) {
        network.carry(.init(arrival: now, source: address, destination: transmit.destination, bytes: bytes, ecn: transmit.ecn))
      }
      drain()
    }
  }

  private func array(_ slot: ByteSlot) -> [UInt8] { endpoint.withBytes(of: slot) { $0.withUnsafeBytes { Array($0) } } }

  private func drain() {
    while let event = endpoint.nextEvent() {
      record(event)
      onEvent?(event)
    }
  }

  private func record(_ event: QUICEvent) {
    switch event {
    case .established(let id, let role, let name, _): established.append((id, role, name))
    case .confirmed(let id): confirmed.append(id)
    case .hello(_, let slot): hellos.append(array(slot))
    case .packet(_, let slot):
      packetCount += 1
      if keepsPackets { packets.append(array(slot)) }
    case .exceeded: exceeded += 1
    case .packetNotSent(let id): notSent.append(id)
    case .streamOpened(let stream): opened.append(stream)
    case .streamData(let stream, let slot, let end):
      received[stream, default: []] += array(slot)
      if consumes { endpoint.consumed(slot.count, on: stream) }
      guard end else { return }
      ended.insert(stream)
      if echoes, opened.contains(stream) { endpoint.write(SendChunk(copying: received[stream] ?? []), on: stream, finish: true) }
    case .streamReset(let stream, let code): resets[stream] = code
    case .streamStopped(let stream): stopped.insert(stream)
    case .streamSent(let stream, let count): sentBytes[stream, default: 0] += count
    case .streamWritable: writable += 1
    case .streamsAllowed: break
    case .streamClosed(let stream): streamsClosed.insert(stream)
    case .moved(_, let address): moved.append(address)
    case .closed(let id, let end): closed[id] = end
    case .turnedAway(_, let end): turnedAway.append(end)
    }
  }
}
