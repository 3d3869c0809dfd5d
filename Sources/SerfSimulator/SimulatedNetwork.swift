import Memberlist
package import SerfPrimitives

/// A network in memory and in virtual time: packets with latency, loss and duplication, reliable exchanges, partitions, crashes and pauses.
///
/// A run is a function of the seed and of what the test does: nothing reads a clock, and ``fingerprint`` tells two runs apart.
/// ```swift
/// let network = SimulatedNetwork<SimulatedMember>(seed: 1)
/// let a = network.add(machine, at: address)
/// network.run(for: .seconds(10))
/// ```
/// With `provesNames` it behaves like the QUIC transport: every packet comes with a connection and the name that it proves, a dial to the wrong name
/// fails, and `SendPath.fresh` makes a new dial.
package final class SimulatedNetwork<Machine: SimulatedMachine & ~Copyable> {
  /// A place in the network; it outlives the machine that runs there.
  package struct NodeID: Hashable, Sendable {
    let index: Int
  }

  final class Node {
    var machine: Machine
    let address: NodeAddress
    var isDown = false
    /// Whether the machine that it ran on has stopped as well, so that nothing refuses a dial.
    var isSilent = false
    var isPaused = false
    /// What arrived while it was paused; limited like a socket's buffer.
    var backlog: [Event] = []
    var armed: Instant?
    var reports: [(time: Instant, report: Machine.Report)] = []

    init(_ machine: consuming Machine, _ address: NodeAddress) {
      self.machine = machine
      self.address = address
    }
  }

  enum Event: Sendable {
    case wake(Int)
    case packet(Int, [UInt8], from: Peer)
    case notSent(Int, PacketID, ContactFailure)
    case request(Int, ExchangeID, [UInt8], from: Peer)
    case reply(Int, ExchangeID, [UInt8], from: Peer)
    case failure(Int, ExchangeID, ContactFailure)
    case closed(Int, Peer, CloseReason?)
    /// The deadline of an exchange, to which the other side may have answered already.
    case expiry(Int, ExchangeID)

    var node: Int {
      switch self {
      case .wake(let node): node
      case .packet(let node, _, _): node
      case .notSent(let node, _, _): node
      case .request(let node, _, _, _): node
      case .reply(let node, _, _, _): node
      case .failure(let node, _, _): node
      case .closed(let node, _, _): node
      case .expiry(let node, _): node
      }
    }
  }

  struct Connection {
    let ends: (Int, Int)
    let createdAt: Instant
    var usedAt: Instant
    var isStalled = false
    var isClosed = false
    /// Which of the two nodes have had the other one's hello.
    var greeted: (Bool, Bool) = (false, false)
  }

  /// An exchange in progress, by the number that the accepting side knows.
  struct OpenExchange {
    let opener: Int
    let openerID: ExchangeID
    let acceptor: Int
    let deadline: Instant
    let connection: ConnectionID?
  }

  package private(set) var now = Instant.zero
  package var conditions = NetworkConditions()
  package internal(set) var counters = NetworkCounters()
  /// A hash over everything delivered, in order, with its time.
  package private(set) var fingerprint: UInt64 = 0xcbf2_9ce4_8422_2325
  package let provesNames: Bool

  var nodes: [Node] = []
  var events = DeadlineQueue<Event>()
  var random: SeededRandom
  var connections: [Connection] = []
  var exchanges: [ExchangeID: OpenExchange] = [:]
  var lastExchange: UInt64 = 1 << 63
  /// Ordered pairs between which nothing passes.
  private var blocked: Set<Int> = []
  private var isolatedLoss: [Int: Double] = [:]
  /// What packets between two nodes take longer than the latency, by ordered pair.
  private var distances: [Int: Duration] = [:]

  package init(seed: UInt64, provesNames: Bool = false) {
    random = SeededRandom(seed: seed)
    self.provesNames = provesNames
  }

  // MARK: Nodes

  /// Puts a machine at an address and starts it. A machine that is down at that address is replaced.
  @discardableResult
  package func add(_ machine: consuming Machine, at address: NodeAddress) -> NodeID {
    precondition(!nodes.contains { $0.address.isSameEndpoint(as: address) && !$0.isDown }, "the address is in use")
    nodes.append(Node(machine, address))
    let index = nodes.count - 1
    nodes[index].machine.start(at: now)
    settle(index)
    return NodeID(index: index)
  }

  /// Gives a machine an input, and does what the machine then wants.
  package func with<Result>(_ node: NodeID, _ body: (inout Machine, Instant) -> Result) -> Result {
    let result = body(&nodes[node.index].machine, now)
    settle(node.index)
    return result
  }

  /// Looks at a machine.
  package func read<Result, Failure: Error>(
    _ node: NodeID, _ body: (borrowing Machine) throws(Failure) -> Result
  ) throws(Failure) -> Result { try body(nodes[node.index].machine) }

  /// Everything that a machine reported.
  package func reports(of node: NodeID) -> [(time: Instant, report: Machine.Report)] { nodes[node.index].reports }

  /// What a machine reported since this was called last. The network forgets it, so that a long run needs no more memory than a short one.
  package func takeReports(of node: NodeID) -> [(time: Instant, report: Machine.Report)] {
    defer { nodes[node.index].reports = [] }
    return nodes[node.index].reports
  }

  package func address(of node: NodeID) -> NodeAddress { nodes[node.index].address }

  // MARK: Faults

  /// The process ends and tells no peer. A dial to its port is refused at once, or, with `silently`, not answered at all.
  package func crash(_ node: NodeID, silently: Bool = false) {
    nodes[node.index].isDown = true
    nodes[node.index].isSilent = silently
  }

  /// The process stands still: nothing is read, no timer runs.
  package func pause(_ node: NodeID) { nodes[node.index].isPaused = true }

  /// It continues. What arrived in the meantime is handled before its overdue timers.
  package func resume(_ node: NodeID) {
    nodes[node.index].isPaused = false
    let backlog = nodes[node.index].backlog
    nodes[node.index].backlog = []
    for event in backlog { deliver(event) }
    nodes[node.index].machine.advance(to: now)
    settle(node.index)
  }

  /// Nothing passes between nodes of different groups. Nodes in no group reach all others.
  package func partition(_ groups: [[NodeID]]) {
    for group in groups {
      for other in groups where other != group {
        for a in group { for b in other { block(from: a, to: b) } }
      }
    }
  }

  /// Nothing passes in this direction.
  package func block(from: NodeID, to: NodeID) { blocked.insert(pair(from.index, to.index)) }

  /// Ends every partition and isolation.
  package func heal() {
    blocked.removeAll()
    isolatedLoss.removeAll()
  }

  /// Packets from and to this node are lost with this probability in addition to the network's own loss.
  package func setLoss(_ loss: Double, at node: NodeID) { isolatedLoss[node.index] = loss }

  /// Packets between these nodes take this much longer than the latency, each way.
  package func setDistance(_ distance: Duration, between a: NodeID, and b: NodeID) {
    distances[pair(a.index, b.index)] = distance
    distances[pair(b.index, a.index)] = distance
  }

  /// Swallows everything on the connections that now exist between two nodes; new ones pass.
  package func stallConnections(between a: NodeID, and b: NodeID) {
    for index in connections.indices where connects(index, a.index, b.index) { connections[index].isStalled = true }
  }

  // MARK: Time

  /// Runs for a while.
  package func run(for duration: Duration) {
    let end = now + duration
    _ = run(until: end) { false }
    now = end
  }

  /// Runs until the condition holds, which is checked every 10 ms; false when it did not hold within the limit.
  @discardableResult
  package func run(within limit: Duration, until condition: () -> Bool) -> Bool { run(until: now + limit, condition) }

  private func run(until end: Instant, _ condition: () -> Bool) -> Bool {
    if condition() { return true }
    var look = now + .milliseconds(10)
    while let next = events.nextDeadline, next <= end {
      if next > look {
        now = max(now, look)
        if condition() { return true }
        look = next + .milliseconds(10)
      }
      guard let event = events.popDue(at: next) else { break }
      now = max(now, next)
      deliver(event)
    }
    now = end
    return condition()
  }

  private func deliver(_ event: Event) {
    let index = event.node
    let node = nodes[index]
    if node.isDown {
      if case .request(_, let accepted, _, _) = event, !node.isSilent { fail(accepted, .noContact) }
      return
    }
    if node.isPaused {
      if case .wake = event {
        node.armed = nil
        return
      }
      if node.backlog.count < 4096 { node.backlog.append(event) }
      return
    }
    switch event {
    case .wake:
      if let armed = node.armed, armed <= now { node.armed = nil }
      node.machine.advance(to: now)
    case .packet(_, let bytes, let peer):
      note(bytes, index, peer)
      node.machine.receive(bytes.span.bytes, from: peer, at: now)
    case .notSent(_, let id, let reason): node.machine.packetNotSent(id, reason: reason, at: now)
    case .request(_, let id, let bytes, let peer):
      note(bytes, index, peer)
      node.machine.exchangeReceived(id, message: bytes.span.bytes, from: peer, at: now)
    case .reply(_, let id, let bytes, let peer):
      note(bytes, index, peer)
      node.machine.exchangeCompleted(id, reply: bytes.span.bytes, from: peer, at: now)
    case .failure(_, let id, let reason): node.machine.exchangeFailed(id, reason: reason, at: now)
    case .closed(_, let peer, let reason): node.machine.connectionClosed(peer, reason: reason, at: now)
    case .expiry(_, let accepted):
      guard let exchange = exchanges.removeValue(forKey: accepted) else { return }
      counters.exchangesFailed += 1
      node.machine.exchangeFailed(exchange.openerID, reason: .deadline, at: now)
    }
    settle(index)
  }

  private func note(_ bytes: [UInt8], _ node: Int, _ peer: Peer) {
    if provesNames, let connection = peer.connection {
      connections[Int(connection.value)].usedAt = now
      if let name = peer.provenName { nodes[node].machine.setWarm(name, true) }
      if greet(Int(connection.value), node) { nodes[node].machine.addressStated(peer.address, by: peer, at: now) }
    }
    let prime: UInt64 = 0x100_0000_01b3
    var hash = ((fingerprint ^ UInt64(bitPattern: now.nanoseconds)) &* prime ^ UInt64(node)) &* prime
    // Every byte of a run comes by here, also in a debug build.
    let span = bytes.span
    var index = 0
    while index < span.count {
      hash = (hash ^ UInt64(span[index])) &* prime
      index += 1
    }
    fingerprint = hash
  }

  /// Does what a machine wants, and sets its timer.
  private func settle(_ index: Int) {
    while let action = nodes[index].machine.nextAction() {
      if case .report(let report) = action {
        nodes[index].reports.append((now, report))
      } else {
        perform(action, by: index)
      }
    }
    guard let deadline = nodes[index].machine.nextDeadline else { return }
    if let armed = nodes[index].armed, armed <= deadline { return }
    nodes[index].armed = deadline
    events.schedule(.wake(index), at: max(deadline, now))
  }

  // MARK: Reachability

  func pair(_ a: Int, _ b: Int) -> Int { a << 20 | b }

  func isBlocked(_ a: Int, _ b: Int) -> Bool { blocked.contains(pair(a, b)) }

  func isLost(_ a: Int, _ b: Int) -> Bool {
    random.chance(conditions.loss) || random.chance(isolatedLoss[a] ?? 0) || random.chance(isolatedLoss[b] ?? 0)
  }

  /// How long a packet takes from one node to another.
  func latency(_ a: Int, _ b: Int) -> Duration { latency() + (distances[pair(a, b)] ?? .zero) }

  func latency() -> Duration {
    conditions.latency.lowerBound + random.fraction(of: conditions.latency.upperBound - conditions.latency.lowerBound)
  }
}
