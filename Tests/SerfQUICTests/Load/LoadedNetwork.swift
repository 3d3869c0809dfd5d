import Memberlist
import SerfPrimitives
import SerfQUIC
import SerfSimulator

/// Members with little processor time, in virtual time. Each has a share of a core, and every packet, exchange and handshake uses some of that.
///
/// The memberships are real, and so are the connection pools that decide what is dialled and when. Of QUIC only the time that it takes is simulated:
///
///     dial ──initial──▶ target: pays, answers ──▶ dialler: pays, connected ──▶ target: connected
///
/// A flight that is not answered soon is sent again, and costs both ends a little more.
///
/// A node works in turns, as an event loop does: the packets that have come, a few handshakes, then what is due. What a turn sends goes out at its
/// end.
final class LoadedNetwork {
  /// What things cost on a whole core.
  struct Costs: Sendable {
    /// How much of a core a node has.
    let share: Double
    /// A handshake, at each end.
    let handshake = Duration.milliseconds(2)
    /// A packet, sent or received, with its share of acknowledgements and system calls: 225 µs in an idle cluster of 100, less than 100 µs where packets
    /// come in batches (`serf-bench`).
    let packet = Duration.microseconds(150)
    /// A member in a push/pull, written or read.
    let entry = Duration.microseconds(3)
    /// What is due in a turn.
    let timers = Duration.microseconds(20)
  }

  /// A dial under way.
  struct Handshake: Hashable {
    let dial: ConnectionPool.DialID
    let client: LoadedNode
    let startedAt: Instant

    static func == (left: Handshake, right: Handshake) -> Bool { left.dial == right.dial && left.client === right.client }

    func hash(into hasher: inout Hasher) {
      hasher.combine(dial)
      hasher.combine(ObjectIdentifier(client))
    }
  }

  enum Work {
    case initial(Handshake)
    case answer(Handshake, from: LoadedNode)
    case finished(ConnectionID, Handshake)
    /// The server's flight once more.
    case repeated(packets: Int)
    case packet([UInt8], ConnectionID)
    case request(ExchangeID, [UInt8], ConnectionID)
    case reply(ExchangeID, [UInt8], ConnectionID)
    case failure(ExchangeID, ContactFailure)
    case closed(ConnectionID, CloseReason?)

    /// The connection that it came on, for work that has to wait until the handshake is over at both ends.
    var connection: ConnectionID? {
      switch self {
      case .packet(_, let id), .request(_, _, let id), .reply(_, _, let id): id
      default: nil
      }
    }
  }

  private enum Event {
    case arrival(LoadedNode, Work)
    case turn(LoadedNode)
  }

  /// An exchange by the number that the accepting side knows.
  struct Exchange {
    let opener: LoadedNode
    let openerID: ExchangeID
    let connection: ConnectionID
  }

  let costs: Costs
  let latency = Duration.microseconds(500)
  private(set) var now = Instant.zero
  private(set) var nodes: [LoadedNode] = []
  private var events = DeadlineQueue<Int>()
  private var scheduled: [Int: Event] = [:]
  private var lastEvent = 0
  private(set) var handshakes = 0
  var lastConnection: UInt64 = 0
  var lastExchange: UInt64 = 1 << 63
  var exchanges: [ExchangeID: Exchange] = [:]
  /// The dialled ends of connections whose handshake is not over there.
  var opening: [ConnectionID: LoadedNode] = [:]
  /// The two ends of each connection.
  var ends: [ConnectionID: (LoadedNode, LoadedNode)] = [:]

  init(_ costs: Costs) { self.costs = costs }

  func add(_ node: LoadedNode) {
    nodes.removeAll { $0.address == node.address }
    nodes.append(node)
    node.machine.membership.start(at: now)
    schedule(.turn(node), at: now)
  }

  /// A node's process ends. What arrives for it is lost; its connections count as reset.
  func crash(_ node: LoadedNode) {
    node.isDown = true
    nodes.removeAll { $0 === node }
  }

  /// Whether the node was dialled on this connection and does not have the end of the handshake yet.
  func isOpening(_ id: ConnectionID, at node: LoadedNode) -> Bool { opening[id] === node }

  func node(at address: NodeAddress) -> LoadedNode? { nodes.first { $0.address == address } }

  /// Runs for this time, or until `condition` holds, which is checked every tenth of a second. Returns whether it held.
  @discardableResult
  func run(for limit: Duration, until condition: () -> Bool = { false }) -> Bool {
    let end = now + limit
    var look = now
    while let next = events.nextDeadline, next <= end {
      if next >= look {
        if condition() { return true }
        look = next + .milliseconds(100)
      }
      now = max(now, next)
      guard let number = events.popDue(at: now), let event = scheduled.removeValue(forKey: number) else { continue }
      switch event {
      case .arrival(let node, let work): arrive(work, at: node)
      case .turn(let node): if !node.isDown { node.turn(on: self) }
      }
    }
    now = end
    return condition()
  }

  // MARK: What nodes do

  func schedule(turnOf node: LoadedNode, at time: Instant) { schedule(.turn(node), at: time) }

  func send(_ work: Work, to node: LoadedNode, at time: Instant) { schedule(.arrival(node, work), at: time + latency) }

  func completed() { handshakes += 1 }

  private func schedule(_ event: Event, at time: Instant) {
    lastEvent += 1
    scheduled[lastEvent] = event
    events.schedule(lastEvent, at: time)
  }

  private func arrive(_ work: Work, at node: LoadedNode) {
    if node.isDown { return bounce(work, from: node) }
    node.receive(work, at: now)
    if !node.isTurnScheduled || node.busyUntil <= now { node.wantTurn(on: self, at: max(now, node.busyUntil)) }
  }

  /// The process that replaced the ended one does not know the connection, so it sends a stateless reset.
  private func bounce(_ work: Work, from gone: LoadedNode) {
    guard node(at: gone.address) != nil else { return }
    switch work {
    case .packet(_, let id), .request(_, _, let id), .reply(_, _, let id):
      guard let (a, b) = ends[id] else { return }
      send(.closed(id, nil), to: a === gone ? b : a, at: now)
    default: break
    }
  }
}
