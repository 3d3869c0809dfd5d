import Memberlist
import SerfPrimitives
import SerfQUIC
import SerfSimulator

/// A node of a ``LoadedNetwork``.
final class LoadedNode {
  private struct Waiting {
    var packets: [(bytes: [UInt8], id: PacketID?, deadline: Instant)] = []
    var exchanges: [(id: ExchangeID, bytes: [UInt8], deadline: Instant)] = []
  }

  let address: NodeAddress
  var machine: SimulatedMember
  private var pool: ConnectionPool
  private let adapts: Bool
  var isDown = false
  private(set) var busyUntil = Instant.zero
  private(set) var isTurnScheduled = false
  /// Whether the last join failed.
  private(set) var joinFailed = false

  private var packets: [LoadedNetwork.Work] = []
  private var handshakes: [LoadedNetwork.Work] = []
  private var strangers: [(work: LoadedNetwork.Work, arrivedAt: Instant)] = []
  /// What came on connections whose handshake is not over at this end.
  private var early: [ConnectionID: [LoadedNetwork.Work]] = [:]
  private var waiting: [ConnectionPool.DialID: Waiting] = [:]
  /// Dials that wait for their target's own dial, and those that must not wait.
  private var deferred: [(dial: ConnectionPool.DialID, address: NodeAddress, until: Instant)] = []
  private var freshDials: Set<ConnectionPool.DialID> = []
  /// Nodes that are in the middle of a handshake with this one.
  private var diallers: [NodeAddress: Instant] = [:]
  /// Our exchanges that are not answered yet.
  private var open: [ExchangeID: Instant] = [:]
  private var flights = UnansweredFlights()
  /// Handshakes of which the first packet was taken up here.
  private var known: Set<LoadedNetwork.Handshake> = []
  private var spent = Duration.zero

  /// - Parameter adapts: false for a node without the rules for load (``MembershipConfiguration/adaptsToLoad``): it dials whatever it wants at once, for
  ///   probes by each accuser and helper too, and of its own lateness only a stall counts.
  init(_ name: NodeName, at address: NodeAddress, configuration: MembershipConfiguration, adapts: Bool, seed: UInt64) {
    var configuration = configuration
    configuration.adaptsToLoad = adapts
    if !adapts {
      // As it was before there were such rules: a join had ten seconds, and each round of gossip two dials.
      configuration.pushPull.timeout = .seconds(5)
      configuration.gossip.coldDials = 2
    }
    self.address = address
    self.adapts = adapts
    machine = SimulatedMember(
      configuration, transport: TransportTraits(provesNames: true), local: GossipMember(name: name, address: address), seed: seed)
    var settings = PoolConfiguration(ownName: name)
    settings.probeTimeout = configuration.probe.timeout
    settings.probeInterval = configuration.probe.interval
    if !adapts { settings.dialsInProgress = (.max, .max, .max, .max) }
    pool = ConnectionPool(configuration: settings, seed: seed)
    pool.isPinned = { [weak self] in self?.machine.membership.isUnderScrutiny($0) ?? false }
    pool.addressOf = { [weak self] in self?.machine.membership.member($0)?.address }
  }

  var name: NodeName { machine.name }
  var connectionCount: Int { pool.connectionCount }
  var counters: MembershipCounters { machine.membership.counters }
  /// Whether it sees all of these as alive.
  func seesAlive(_ nodes: [LoadedNode]) -> Bool { nodes.allSatisfy { machine.membership.member($0.name)?.state == .alive } }

  func join(_ targets: [NodeAddress], on network: LoadedNetwork) {
    joinFailed = false
    machine.membership.join(targets.map { JoinTarget($0) }, id: JoinID(1), at: network.now)
    wantTurn(on: network, at: max(network.now, busyUntil))
  }

  // MARK: Turns

  func wantTurn(on network: LoadedNetwork, at time: Instant) {
    isTurnScheduled = true
    network.schedule(turnOf: self, at: time)
  }

  func receive(_ work: LoadedNetwork.Work, at now: Instant) {
    switch work {
    case .initial(let handshake) where known.contains(handshake): handshakes.append(.repeated(packets: 1))
    case .initial: strangers.append((work, now))
    case .answer, .finished, .repeated: handshakes.append(work)
    default: packets.append(work)
    }
  }

  func turn(on network: LoadedNetwork) {
    let now = network.now
    guard now >= busyUntil else { return }
    isTurnScheduled = false
    spent = .zero
    let batch = packets.prefix(64)
    packets.removeFirst(batch.count)
    var outgoing: [(LoadedNode, LoadedNetwork.Work)] = []
    for work in batch { take(work, on: network, &outgoing) }
    // Four steps of handshakes, those in progress first; the last one is a stranger's, if a stranger waits (`secure-transport.md` 2.7).
    for step in 1...4 {
      if !handshakes.isEmpty, step < 4 || strangers.isEmpty {
        takeUp(handshakes.removeFirst(), now, on: network, &outgoing)
      } else if !strangers.isEmpty {
        let (work, arrivedAt) = strangers.removeFirst()
        takeUp(work, arrivedAt, on: network, &outgoing)
      }
    }
    pool.setMemberCount(machine.membership.count)
    if (machine.nextDeadline ?? .distantFuture) <= now || (pool.nextDeadline ?? .distantFuture) <= now { spent += network.costs.timers }
    machine.advance(to: now)
    pool.advance(to: now)
    expire(at: now)
    flights.keep { $0.client !== self || waiting[$0.dial] != nil }
    for (handshake, receiver) in flights.due(at: now) {
      // A client's first flight is one packet, a server's three.
      let isFirst = handshake.client === self
      spent += network.costs.packet * (isFirst ? 1 : 3)
      outgoing.append((receiver, isFirst ? .initial(handshake) : .repeated(packets: 3)))
    }
    let due = deferred.filter { $0.until <= now }
    deferred.removeAll { $0.until <= now }
    for dial in due { start(dial.dial, dial.address, network, &outgoing) }
    perform(on: network, &outgoing)
    busyUntil = now + spent * (1 / network.costs.share)
    for (node, work) in outgoing { network.send(work, to: node, at: busyUntil) }
    let next = packets.isEmpty && handshakes.isEmpty && strangers.isEmpty ? nextDeadline : busyUntil
    if next < .distantFuture { wantTurn(on: network, at: max(next, busyUntil)) }
  }

  private var nextDeadline: Instant {
    var deadline = min(machine.nextDeadline ?? .distantFuture, pool.nextDeadline ?? .distantFuture)
    for state in waiting.values {
      for packet in state.packets { deadline = min(deadline, packet.deadline) }
      for exchange in state.exchanges { deadline = min(deadline, exchange.deadline) }
    }
    for dial in deferred { deadline = min(deadline, dial.until) }
    for time in open.values { deadline = min(deadline, time) }
    return min(deadline, flights.nextDeadline)
  }

  // MARK: Incoming

  private func peer(on id: ConnectionID, of network: LoadedNetwork) -> (LoadedNode, Peer)? {
    guard let (a, b) = network.ends[id] else { return nil }
    let other = a === self ? b : a
    return (other, Peer(address: other.address, connection: id, provenName: other.name))
  }

  private func take(_ work: LoadedNetwork.Work, on network: LoadedNetwork, _ outgoing: inout [(LoadedNode, LoadedNetwork.Work)]) {
    let now = network.now
    spent += network.costs.packet
    if let id = work.connection, network.isOpening(id, at: self) { return early[id, default: []].append(work) }
    switch work {
    case .packet(let bytes, let id):
      guard let (_, peer) = peer(on: id, of: network) else { return }
      pool.heard(id, at: now)
      machine.receive(bytes.span.bytes, from: peer, at: now)
    case .request(let accepted, let bytes, let id):
      guard let (_, peer) = peer(on: id, of: network) else { return }
      spent += network.costs.entry * machine.membership.count
      pool.heard(id, at: now)
      machine.exchangeReceived(accepted, message: bytes.span.bytes, from: peer, at: now)
    case .reply(let exchange, let bytes, let id):
      guard open.removeValue(forKey: exchange) != nil, let (_, peer) = peer(on: id, of: network) else { return }
      spent += network.costs.entry * machine.membership.count
      pool.heard(id, at: now)
      machine.exchangeCompleted(exchange, reply: bytes.span.bytes, from: peer, at: now)
    case .failure(let exchange, let reason): fail(exchange, reason, at: now)
    case .closed(let id, let reason):
      guard let (_, peer) = peer(on: id, of: network), let link = pool.closed(id) else { return }
      if link.wasLast { machine.setWarm(link.name, false) }
      machine.connectionClosed(peer, reason: reason, at: now)
    default: break
    }
  }

  private func takeUp(
    _ work: LoadedNetwork.Work, _ arrivedAt: Instant, on network: LoadedNetwork, _ outgoing: inout [(LoadedNode, LoadedNetwork.Work)]
  ) {
    let now = network.now
    switch work {
    case .initial(let handshake):
      // Its client has sent again, or given up.
      guard now - arrivedAt < .seconds(3), known.insert(handshake).inserted else { return spent += network.costs.packet }
      spent += network.costs.handshake
      diallers[handshake.client.address] = now
      outgoing.append((handshake.client, .answer(handshake, from: self)))
      flights.sent(handshake, to: handshake.client, at: now)
    case .repeated(let packets): spent += network.costs.packet * packets
    case .answer(let handshake, let target):
      flights.answered(handshake)
      guard waiting[handshake.dial] != nil else { return spent += network.costs.packet }
      spent += network.costs.handshake
      network.completed()
      network.lastConnection += 1
      let id = ConnectionID(network.lastConnection)
      network.ends[id] = (self, target)
      network.opening[id] = target
      opened(
        id, with: target, endOf: [handshake.dial], took: now - handshake.startedAt, startedAt: handshake.startedAt, on: network, &outgoing)
      outgoing.append((target, .finished(id, handshake)))
    case .finished(let id, let handshake):
      let client = handshake.client
      spent += network.costs.packet
      flights.answered(handshake)
      diallers[client.address] = nil
      network.opening[id] = nil
      var dials = deferred.filter { $0.address == client.address }.map(\.dial)
      deferred.removeAll { $0.address == client.address }
      dials += pool.queuedDials(to: client.name, at: client.address).filter { !freshDials.contains($0) }
      opened(id, with: client, endOf: dials, took: nil, startedAt: handshake.startedAt, on: network, &outgoing)
      for work in early.removeValue(forKey: id) ?? [] { take(work, on: network, &outgoing) }
    default: break
    }
  }

  private func opened(
    _ id: ConnectionID, with peer: LoadedNode, endOf dials: [ConnectionPool.DialID], took: Duration?, startedAt: Instant,
    on network: LoadedNetwork,
    _ outgoing: inout [(LoadedNode, LoadedNetwork.Work)]
  ) {
    let now = network.now
    pool.opened(id, name: peer.name, address: peer.address, endOf: dials, took: took, startedAt: startedAt, at: now)
    machine.setWarm(peer.name, true)
    for dial in dials {
      guard let state = waiting.removeValue(forKey: dial) else { continue }
      for packet in state.packets where now < packet.deadline {
        outgoing.append((peer, .packet(packet.bytes, id)))
        if let id = packet.id { machine.membership.packetDelayed(id, at: now) }
      }
      for exchange in state.exchanges { request(exchange.id, exchange.bytes, exchange.deadline, on: id, peer, network, &outgoing) }
    }
  }

  // MARK: Outgoing

  private func perform(on network: LoadedNetwork, _ outgoing: inout [(LoadedNode, LoadedNetwork.Work)]) {
    var isDone = false
    while !isDone {
      isDone = true
      while let action = machine.nextAction() {
        perform(action, on: network, &outgoing)
        isDone = false
      }
      while let action = pool.nextAction() {
        perform(action, on: network, &outgoing)
        isDone = false
      }
    }
  }

  private func perform(
    _ action: SimulatedAction<SimulatedMember.Report>, on network: LoadedNetwork, _ outgoing: inout [(LoadedNode, LoadedNetwork.Work)]
  ) {
    let now = network.now
    switch action {
    case .send(let bytes, let destination, let path, let id):
      spent += network.costs.packet
      switch pool.route(destination, path, urgency: id == nil ? .gossip : .probe, at: now) {
      case .use(let connection):
        if let (other, _) = peer(on: connection, of: network) { outgoing.append((other, .packet(bytes, connection))) }
      case .wait(let dial):
        if path != .warm { freshDials.insert(dial) }
        let patience = adapts && id != nil ? pool.configuration.dialTimeout : pool.configuration.probeTimeout
        waiting[dial, default: Waiting()].packets.append((bytes, id, now + patience))
        if waiting[dial]?.packets.count ?? 0 > 4, let victim = waiting[dial]?.packets.removeFirst() {
          notSent(victim.id, .notSent, at: now)
        }
      case .unreachable(let reason): notSent(id, reason, at: now)
      }
    case .open(let id, let destination, let path, let deadline, let bytes):
      switch pool.route(destination, path, urgency: .exchange, at: now) {
      case .use(let connection):
        if let (other, _) = peer(on: connection, of: network) { request(id, bytes, deadline, on: connection, other, network, &outgoing) }
      case .wait(let dial):
        if path != .warm { freshDials.insert(dial) }
        waiting[dial, default: Waiting()].exchanges.append((id, bytes, deadline))
      case .unreachable(let reason): machine.exchangeFailed(id, reason: reason, at: now)
      }
    case .respond(let id, let bytes): answer(id, bytes, network, &outgoing)
    case .finish(let id): answer(id, [], network, &outgoing)
    case .refuse(let id):
      if let exchange = network.exchanges.removeValue(forKey: id) {
        outgoing.append((exchange.opener, .failure(exchange.openerID, .refused)))
      }
    case .close(let peer, let reason): if let id = peer.connection { close(id, reason, network, &outgoing) }
    case .departed(let name): pool.departed(name)
    case .report(let report):
      if case .joinFinished(_, let results) = report.output { joinFailed = results.allSatisfy { $0.failure != nil } }
    }
  }

  private func perform(_ action: ConnectionPool.Action, on network: LoadedNetwork, _ outgoing: inout [(LoadedNode, LoadedNetwork.Work)]) {
    let now = network.now
    switch action {
    case .dial(let dial, let address, _):
      if freshDials.remove(dial) == nil, let since = diallers[address], now - since < .seconds(5) {
        let courtesy = max(.milliseconds(250), adapts ? min(pool.dialTime * 2, pool.configuration.dialTimeout / 2) : .zero)
        deferred.append((dial, address, now + courtesy))
      } else {
        start(dial, address, network, &outgoing)
      }
    case .close(let id, let reason): close(id, reason, network, &outgoing)
    case .abandon(let dial, let reason):
      deferred.removeAll { $0.dial == dial }
      failWaiting(dial, reason, at: now)
    case .move: break
    }
  }

  private func start(
    _ dial: ConnectionPool.DialID, _ address: NodeAddress, _ network: LoadedNetwork, _ outgoing: inout [(LoadedNode, LoadedNetwork.Work)]
  ) {
    spent += network.costs.packet
    waiting[dial] = waiting[dial] ?? Waiting()
    guard let target = network.node(at: address) else { return }
    let handshake = LoadedNetwork.Handshake(dial: dial, client: self, startedAt: network.now)
    outgoing.append((target, .initial(handshake)))
    flights.sent(handshake, to: target, at: network.now)
  }

  private func request(
    _ id: ExchangeID, _ bytes: [UInt8], _ deadline: Instant, on connection: ConnectionID, _ other: LoadedNode, _ network: LoadedNetwork,
    _ outgoing: inout [(LoadedNode, LoadedNetwork.Work)]
  ) {
    spent += network.costs.entry * machine.membership.count
    network.lastExchange += 1
    let accepted = ExchangeID(network.lastExchange)
    network.exchanges[accepted] = .init(opener: self, openerID: id, connection: connection)
    open[id] = deadline
    outgoing.append((other, .request(accepted, bytes, connection)))
  }

  private func answer(
    _ id: ExchangeID, _ bytes: [UInt8], _ network: LoadedNetwork, _ outgoing: inout [(LoadedNode, LoadedNetwork.Work)]
  ) {
    guard let exchange = network.exchanges.removeValue(forKey: id) else { return }
    spent += network.costs.entry * machine.membership.count
    outgoing.append((exchange.opener, .reply(exchange.openerID, bytes, exchange.connection)))
  }

  private func close(
    _ id: ConnectionID, _ reason: CloseReason, _ network: LoadedNetwork, _ outgoing: inout [(LoadedNode, LoadedNetwork.Work)]
  ) {
    guard let (other, _) = peer(on: id, of: network), let link = pool.closed(id) else { return }
    if link.wasLast { machine.setWarm(link.name, false) }
    outgoing.append((other, .closed(id, reason)))
  }

  // MARK: Failures

  private func expire(at now: Instant) {
    for dial in waiting.keys.sorted() {
      let reason = pool.isQueued(dial) && adapts ? ContactFailure.notSent : .noContact
      for packet in waiting[dial]?.packets.filter({ $0.deadline <= now }) ?? [] { notSent(packet.id, reason, at: now) }
      waiting[dial]?.packets.removeAll { $0.deadline <= now }
      for exchange in waiting[dial]?.exchanges.filter({ $0.deadline <= now }) ?? [] {
        machine.exchangeFailed(exchange.id, reason: .noContact, at: now)
      }
      waiting[dial]?.exchanges.removeAll { $0.deadline <= now }
    }
    for id in open.filter({ $0.value <= now }).keys.sorted(by: { $0.value < $1.value }) { fail(id, .deadline, at: now) }
  }

  private func fail(_ id: ExchangeID, _ reason: ContactFailure, at now: Instant) {
    if open.removeValue(forKey: id) != nil { machine.exchangeFailed(id, reason: reason, at: now) }
  }

  private func failWaiting(_ dial: ConnectionPool.DialID, _ reason: ContactFailure, at now: Instant) {
    guard let state = waiting.removeValue(forKey: dial) else { return }
    for packet in state.packets { notSent(packet.id, reason, at: now) }
    for exchange in state.exchanges { machine.exchangeFailed(exchange.id, reason: reason, at: now) }
  }

  private func notSent(_ id: PacketID?, _ reason: ContactFailure, at now: Instant) {
    if let id { machine.packetNotSent(id, reason: reason, at: now) }
  }
}
