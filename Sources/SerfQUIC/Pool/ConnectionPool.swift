package import SerfPrimitives

/// Which connection a message to a peer takes, which to dial, and which to let go: the rules of `secure-transport.md` sections 1.4–1.10 and 2.
///
/// A pure table. Connections are known by their ID; the owner (``QUICPeers``) dials and closes them as ``nextAction()`` orders and reports what
/// became of them. A connection serves a *peer*: a proven name at an address.
///
/// ```
/// route(destination) ──→ .use(connection)             the one heard most recently, of those that suit
///                    └─→ .wait(dial) ──→ .dial(…)     at most 4 young dials per IP, else in a queue; back-off after failures
/// ```
package struct ConnectionPool {
  package enum Route: Hashable, Sendable {
    case use(ConnectionID)
    /// A dial is under way or queued; its end comes with ``opened(_:name:address:isOurs:at:)`` or ``dialFailed(_:at:)``.
    case wait(DialID)
    /// No way there, and none is to be tried now.
    case unreachable(ContactFailure)
  }

  /// What the owner has to do.
  package enum Action: Hashable, Sendable {
    case dial(DialID, NodeAddress, DialExpectation)
    case close(ConnectionID, CloseReason)
    /// The dial is given up. Whatever waits for it fails.
    case abandon(DialID, ContactFailure)
    /// Unacknowledged packets of one connection go on another, which replaces it.
    case move(from: ConnectionID, to: ConnectionID)
  }

  /// A dial, from the wish to its end.
  package struct DialID: Hashable, Comparable, Sendable {
    package let value: UInt64

    package init(value: UInt64) { self.value = value }

    package static func < (left: DialID, right: DialID) -> Bool { left.value < right.value }
  }

  private struct Link {
    let id: ConnectionID
    let name: NodeName
    /// Where we dialled it, or where its packets come from.
    let address: NodeAddress
    /// Where it says that it is to be reached. The word of the peer alone: it helps to choose among its own connections, and is never dialled.
    var claim: NodeAddress?
    let startedAt: Instant
    var heardAt: Instant
    var usedAt: Instant
    var expiresAt: Instant
    /// Being replaced: closed once its successor is there.
    var isExpiring = false

    func serves(_ destination: NodeAddress) -> Bool { address == destination || claim == destination }
  }

  private struct Dial {
    let id: DialID
    let address: NodeAddress
    let expectation: DialExpectation
    let wantedAt: Instant
    /// Nil while it waits for its turn.
    var startedAt: Instant?
  }

  private struct BackOff {
    var failures: Int
    var until: Instant
  }

  /// A dial counts against its IP address for so long: an address that does not answer may not keep others from being dialled.
  private static let youngDial = Duration.seconds(1)
  /// Addresses whose back-off is remembered.
  private static let backOffLimit = 4096

  package var configuration: PoolConfiguration
  /// Whether a member is under probe or suspicion: then its connections are not evicted. Asked only when one is about to be.
  package var isPinned: (NodeName) -> Bool = { _ in false }
  /// Where the membership has a member: what is dialled without a destination that says so. Asked only then.
  package var addressOf: (NodeName) -> NodeAddress? = { _ in nil }
  private var random: SeededRandom
  private var links: [ConnectionID: Link] = [:]
  private var linksByName: [NodeName: [ConnectionID]] = [:]
  private var dials: [Dial] = []
  private var backOffs: [NodeAddress: BackOff] = [:]
  private var memberCount = 1
  private var lastDial: UInt64 = 0
  private var lastSweep = Instant.zero
  private var actions: [Action] = []
  private var nextActionIndex = 0

  package init(configuration: PoolConfiguration, seed: UInt64) {
    self.configuration = configuration
    random = SeededRandom(seed: seed)
  }

  // MARK: Outputs

  package mutating func nextAction() -> Action? {
    guard nextActionIndex < actions.count else {
      actions.removeAll(keepingCapacity: true)
      nextActionIndex = 0
      return nil
    }
    defer { nextActionIndex += 1 }
    return actions[nextActionIndex]
  }

  /// When ``advance(to:)`` has work.
  package var nextDeadline: Instant? {
    var deadline = links.isEmpty ? Instant.distantFuture : lastSweep + Self.sweepInterval
    for dial in dials {
      if let startedAt = dial.startedAt {
        let youngUntil = startedAt + Self.youngDial
        deadline = min(deadline, youngUntil > lastAdvance ? youngUntil : startedAt + configuration.dialTimeout)
      }
    }
    return deadline == .distantFuture ? nil : deadline
  }

  private static let sweepInterval = Duration.seconds(1)
  private var lastAdvance = Instant.zero

  package var connectionCount: Int { links.count }
  package var dialCount: Int { dials.count }

  /// Whether a connection to this name is there.
  package func isWarm(_ name: NodeName) -> Bool { !(linksByName[name] ?? []).isEmpty }

  /// The connections to a name, the one heard most recently first.
  package func connections(to name: NodeName) -> [ConnectionID] {
    (linksByName[name] ?? []).compactMap { links[$0] }.sorted(by: Self.isBetter).map(\.id)
  }

  /// All connections, in the order in which they came.
  package var connections: [ConnectionID] { links.keys.sorted() }

  // MARK: Inputs from the membership

  package mutating func setMemberCount(_ count: Int) { memberCount = max(1, count) }

  /// A member died or left: nothing more is to be said to it.
  package mutating func departed(_ name: NodeName) {
    for id in linksByName[name] ?? [] { actions.append(.close(id, .none)) }
    for dial in dials where dial.expectation == .name(name) { actions.append(.abandon(dial.id, .noContact)) }
    dials.removeAll { $0.expectation == .name(name) }
  }

  /// Our certificate changed: every connection is replaced within this time.
  package mutating func renewAll(within limit: Duration, at now: Instant) {
    for id in connections { renew(id, within: limit, at: now) }
  }

  /// A connection on which we prove our name with a certificate that is no longer ours is replaced within this time.
  package mutating func renew(_ id: ConnectionID, within limit: Duration, at now: Instant) {
    guard let link = links[id] else { return }
    links[id]?.expiresAt = min(link.expiresAt, now + random.fraction(of: limit))
  }

  // MARK: Inputs from the connections

  /// A connection proved its name: ours, as the end of a dial, or one that the peer dialled, for which a dial may have waited.
  package mutating func opened(
    _ id: ConnectionID, name: NodeName, address: NodeAddress, endOf ended: [DialID], startedAt: Instant, at now: Instant
  ) {
    dials.removeAll { ended.contains($0.id) }
    let address = address.canonical
    backOffs[address] = nil
    let age = configuration.maximumAge
    let link = Link(
      id: id, name: name, address: address, startedAt: startedAt, heardAt: now, usedAt: now,
      expiresAt: now + age * 0.75 + random.fraction(of: age * 0.5))
    let others = linksByName[name] ?? []
    links[id] = link
    linksByName[name, default: []].append(id)
    for old in others where links[old]?.serves(address) == true { actions.append(.move(from: old, to: id)) }
    for old in others where links[old]?.isExpiring == true { actions.append(.close(old, .replaced)) }
    trim(name, except: id)
    evictBeyondLimit(except: id)
    startQueuedDials(at: now)
  }

  /// The peer's hello: where it says that it is to be reached. From then on messages to it, by name, at that address take the connection too.
  package mutating func advertised(_ id: ConnectionID, _ address: NodeAddress) { links[id]?.claim = address.canonical }

  /// Something came on the connection that only its peer can have sent.
  package mutating func heard(_ id: ConnectionID, at now: Instant) {
    links[id]?.heardAt = now
    links[id]?.usedAt = now
  }

  /// Where a name has several connections, the choice is by signs of life that only their owner sees, such as acknowledgements.
  package mutating func refresh(_ name: NodeName, _ lastHeard: (ConnectionID) -> Instant?) {
    guard let rivals = linksByName[name], rivals.count > 1 else { return }
    for id in rivals {
      if let heardAt = lastHeard(id) { links[id]?.heardAt = heardAt }
    }
  }

  /// A connection is over. True if it was the last one to its name.
  package mutating func closed(_ id: ConnectionID) -> (name: NodeName, wasLast: Bool)? {
    guard let link = links.removeValue(forKey: id) else { return nil }
    linksByName[link.name]?.removeAll { $0 == id }
    let wasLast = linksByName[link.name]?.isEmpty ?? true
    if wasLast { linksByName[link.name] = nil }
    return (link.name, wasLast)
  }

  /// A dial came to nothing.
  package mutating func dialFailed(_ id: DialID, at now: Instant) {
    guard let index = dials.firstIndex(where: { $0.id == id }) else { return }
    let address = dials.remove(at: index).address
    noteFailure(address, at: now)
    startQueuedDials(at: now)
  }

  /// Lets dials and connections go whose time is over.
  package mutating func advance(to now: Instant) {
    lastAdvance = now
    for dial in dials {
      guard let startedAt = dial.startedAt, now - startedAt >= configuration.dialTimeout else { continue }
      dials.removeAll { $0.id == dial.id }
      noteFailure(dial.address, at: now)
      actions.append(.abandon(dial.id, .noContact))
    }
    startQueuedDials(at: now)
    if now - lastSweep >= Self.sweepInterval { sweep(at: now) }
  }

  // MARK: Routing

  /// The way to a destination. Dials when there is none.
  ///
  /// - Parameter insists: dials even an address that failed a moment ago: for probes and joins. A ``SendPath/fresh(since:)`` always does.
  package mutating func route(_ destination: Destination, _ path: SendPath, insists: Bool = false, at now: Instant) -> Route {
    switch destination {
    case .reply(let peer): return routeReply(peer, at: now)
    case .member(let name, let address):
      guard name != configuration.ownName else { return .unreachable(.refused) }
      let address = address.canonical
      switch path {
      case .warm:
        if let best = best(of: name, at: address) { return use(best, at: now) }
        return dial(address, .name(name), since: nil, insists: insists, at: now)
      case .fresh(let since):
        if let best = best(of: name, at: address, since: since) { return use(best, at: now) }
        return dial(address, .name(name), since: since, insists: true, at: now)
      }
    case .anyMember(let address):
      let address = address.canonical
      // By where a connection really leads, never by what its peer says of itself: anyone may claim the address of another.
      if path == .warm, let best = links.values.filter({ $0.address == address }).min(by: Self.isBetter) { return use(best.id, at: now) }
      return dial(address, .anyMember, since: nil, insists: true, at: now)
    }
  }

  /// An answer goes back on the connection that it answers, or on another one of the same peer; never to an address of a message.
  private mutating func routeReply(_ peer: Peer, at now: Instant) -> Route {
    if let connection = peer.connection, links[connection] != nil { return use(connection, at: now) }
    guard let name = peer.provenName else { return .unreachable(.broken) }
    if let best = best(of: name) { return use(best, at: now) }
    return .unreachable(.broken)
  }

  /// The connection of a peer that was heard last, among those that began at `since` or later. Asked for each packet: allocates nothing.
  private func best(of name: NodeName, at address: NodeAddress? = nil, since: Instant = .zero) -> ConnectionID? {
    guard let candidates = linksByName[name] else { return nil }
    var best: Link?
    for id in candidates {
      guard let link = links[id], link.startedAt >= since, address.map(link.serves) ?? true else { continue }
      if best.map({ Self.isBetter(link, $0) }) ?? true { best = link }
    }
    return best?.id
  }

  private mutating func use(_ id: ConnectionID, at now: Instant) -> Route {
    links[id]?.usedAt = now
    return .use(id)
  }

  /// Of two connections that lead to one peer: the one on which it was heard last. Never by name or number alone, which could pick a dead one
  /// for ever.
  private static func isBetter(_ left: Link, _ right: Link) -> Bool { (left.heardAt, left.id) > (right.heardAt, right.id) }

  private mutating func dial(
    _ address: NodeAddress, _ expectation: DialExpectation, since: Instant?, insists: Bool, at now: Instant
  ) -> Route {
    let underWay = dials.first { dial in
      dial.address == address && dial.expectation == expectation && (dial.startedAt ?? now) >= since ?? .zero
    }
    if let underWay { return .wait(underWay.id) }
    if !insists, let backOff = backOffs[address], now < backOff.until { return .unreachable(.noContact) }
    guard dials.count < configuration.queuedDials else { return .unreachable(.notSent) }
    lastDial += 1
    let dial = Dial(id: DialID(value: lastDial), address: address, expectation: expectation, wantedAt: now)
    dials.append(dial)
    startQueuedDials(at: now)
    return .wait(dial.id)
  }

  private mutating func startQueuedDials(at now: Instant) {
    var young: [NodeAddress: Int] = [:]
    for dial in dials {
      if let startedAt = dial.startedAt, now - startedAt < Self.youngDial { young[dial.address.with(port: 0), default: 0] += 1 }
    }
    for index in dials.indices where dials[index].startedAt == nil {
      let host = dials[index].address.with(port: 0)
      guard young[host, default: 0] < configuration.dialsPerHost else { continue }
      young[host, default: 0] += 1
      dials[index].startedAt = now
      actions.append(.dial(dials[index].id, dials[index].address, dials[index].expectation))
    }
  }

  private mutating func noteFailure(_ address: NodeAddress, at now: Instant) {
    if backOffs.count >= Self.backOffLimit, backOffs[address] == nil { backOffs = backOffs.filter { now < $0.value.until } }
    guard backOffs.count < Self.backOffLimit || backOffs[address] != nil else { return }
    let failures = (backOffs[address]?.failures ?? 0) + 1
    let wait = min(configuration.backOff.upperBound, configuration.backOff.lowerBound * (1 << min(failures - 1, 10)))
    backOffs[address] = BackOff(failures: failures, until: now + wait)
  }

  // MARK: Letting go

  private mutating func trim(_ name: NodeName, except newest: ConnectionID) {
    let all = connections(to: name).filter { $0 != newest }
    for id in all.dropFirst(max(0, configuration.connectionsPerName - 1)) { actions.append(.close(id, .replaced)) }
  }

  private mutating func evictBeyondLimit(except newest: ConnectionID) {
    guard links.count > configuration.connectionLimit else { return }
    let candidates = links.values.filter { $0.id != newest && !isPinned($0.name) }
    if let oldest = candidates.min(by: { ($0.usedAt, $0.id) < ($1.usedAt, $1.id) }) { actions.append(.close(oldest.id, .none)) }
  }

  /// How long a connection may be idle at the present number of members.
  package var idleLimit: Duration {
    let wanted = configuration.probeInterval * (1.2 * Double(memberCount))
    return min(max(wanted, configuration.idleTime.lowerBound), configuration.idleTime.upperBound)
  }

  private mutating func sweep(at now: Instant) {
    lastSweep = now
    let limit = idleLimit
    for id in connections {
      guard let link = links[id] else { continue }
      if now - link.usedAt > limit, !isPinned(link.name) {
        actions.append(.close(id, .none))
      } else if now >= link.expiresAt + configuration.renewalTime {
        // Its successor did not come.
        actions.append(.close(id, .replaced))
      } else if now >= link.expiresAt, !link.isExpiring {
        replace(link, at: now)
      }
    }
    backOffs = backOffs.filter { now < $0.value.until + configuration.backOff.upperBound }
  }

  /// A new connection is there before the old one goes. It leads to where the membership has the peer (`secure-transport.md` 1.10).
  private mutating func replace(_ link: Link, at now: Instant) {
    links[link.id]?.isExpiring = true
    let address = addressOf(link.name)?.canonical ?? link.address
    let hasSuccessor = (linksByName[link.name] ?? []).contains { id in
      links[id].map { !$0.isExpiring && $0.serves(address) } ?? false
    }
    if hasSuccessor {
      actions.append(.close(link.id, .replaced))
    } else {
      _ = dial(address, .name(link.name), since: now, insists: true, at: now)
    }
  }
}
