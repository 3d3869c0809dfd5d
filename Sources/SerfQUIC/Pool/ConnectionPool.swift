package import SerfPrimitives

/// Which connection a message to a peer takes, which peer to dial, and which connection to close: the rules of `secure-transport.md` sections
/// 1.4–1.10 and 2.
///
/// A pure table. Connections are known by their ID; the owner (``QUICPeers``) dials and closes them as ``nextAction()`` orders, and reports the
/// results. A connection serves a *peer*: a proven name at an address.
///
/// ```
/// route(destination) ──→ .use(connection) the one heard most recently of those that fit
///                    └─→ .wait(dial) ──→ .dial(…)     few at once, in all and per IP, else in a queue by urgency; back-off after failures
/// ```
package final class ConnectionPool {
  package enum Route: Hashable, Sendable {
    case use(ConnectionID)
    /// A dial is in progress or queued; its end comes with ``opened(_:name:address:endOf:took:startedAt:at:)`` or ``dialFailed(_:at:)``.
    case wait(DialID)
    /// It cannot be reached, and no dial is allowed now.
    case unreachable(ContactFailure)
  }

  /// What the owner has to do.
  package enum Action: Hashable, Sendable {
    case dial(DialID, NodeAddress, DialExpectation)
    case close(ConnectionID, CloseReason)
    /// The dial is given up. All that waits for it fails.
    case abandon(DialID, ContactFailure)
    /// Unacknowledged packets of one connection are sent on another one, which replaces it.
    case move(from: ConnectionID, to: ConnectionID)
  }

  /// A dial, from the request to its end.
  package struct DialID: Hashable, Comparable, Sendable {
    package let value: UInt64

    package init(value: UInt64) { self.value = value }

    package static func < (left: DialID, right: DialID) -> Bool { left.value < right.value }
  }

  private struct Link {
    let id: ConnectionID
    let name: NodeName
    /// The address that we dialled, or that its packets come from.
    let address: NodeAddress
    /// The address at which the peer says that it can be reached. Only the peer says so: the address helps to choose among the peer's own
    /// connections, and is never dialled.
    var claim: NodeAddress?
    let startedAt: Instant
    var heardAt: Instant
    var usedAt: Instant
    var expiresAt: Instant
    /// Whether it is being replaced: it is closed when its successor exists.
    var isExpiring = false

    func serves(_ destination: NodeAddress) -> Bool { address == destination || claim == destination }
  }

  private struct Dial {
    let id: DialID
    let address: NodeAddress
    let expectation: DialExpectation
    /// The most urgent of the requests that it serves.
    var urgency: DialUrgency
    let wantedAt: Instant
    /// Nil while it waits for its turn.
    var startedAt: Instant?
    /// How often the target was too busy, and until when it is not dialled for that reason.
    var refusals = 0
    var notBefore = Instant.zero
  }

  private struct BackOff {
    var failures: Int
    var until: Instant
  }

  /// A dial counts as in progress for this time, or for twice the time that dials take here, whichever is longer. An address that does not answer
  /// must not keep others from being dialled.
  private static let youngDial = Duration.seconds(1)
  /// How often one dial goes to a target that is too busy: over about 13 s, if something waits for it that long.
  private static let refusalLimit = 15
  /// How many addresses have their back-off remembered.
  private static let backOffLimit = 4096

  package var configuration: PoolConfiguration
  /// Whether a member is being probed or suspected: then its connections are not evicted. Called only before an eviction.
  package var isPinned: (NodeName) -> Bool = { _ in false }
  /// The address that the membership has for a member. Called only for a dial whose destination does not state an address.
  package var addressOf: (NodeName) -> NodeAddress? = { _ in nil }
  /// Whether the target of a dial has answered at all. Called only before the dial is given up.
  package var isAnswered: (DialID) -> Bool = { _ in false }
  private var random: SeededRandom
  private var links: [ConnectionID: Link] = [:]
  private var linksByName: [NodeName: [ConnectionID]] = [:]
  private var dials: [Dial] = []
  private var backOffs: [NodeAddress: BackOff] = [:]
  private var memberCount = 1
  private var lastDial: UInt64 = 0
  /// How long a dial takes at present, from its start to the connection. It follows a longer time at once, and a shorter one by an eighth each time.
  package private(set) var dialTime = Duration.zero
  private var lastSweep = Instant.zero
  /// When the first connection may have been idle for too long, or have become too old. Traffic moves that to a later time, which the sweep finds.
  private var sweepWanted = Instant.distantFuture
  private var actions: [Action] = []
  private var nextActionIndex = 0

  package init(configuration: PoolConfiguration, seed: UInt64) {
    self.configuration = configuration
    random = SeededRandom(seed: seed)
  }

  // MARK: Outputs

  package func nextAction() -> Action? {
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
    var deadline = links.isEmpty ? Instant.distantFuture : nextSweep
    for dial in dials {
      if let startedAt = dial.startedAt {
        let youngUntil = startedAt + young
        deadline = min(deadline, youngUntil > lastAdvance ? youngUntil : end(of: dial, startedAt: startedAt))
      } else if dial.notBefore > lastAdvance {
        deadline = min(deadline, dial.notBefore)
      }
    }
    return deadline == .distantFuture ? nil : deadline
  }

  /// Sweeps are at least this far apart.
  private static let sweepInterval = Duration.seconds(1)
  private var lastAdvance = Instant.zero

  package var connectionCount: Int { links.count }
  package var dialCount: Int { dials.count }

  /// Whether a connection to this name exists.
  package func isWarm(_ name: NodeName) -> Bool { !(linksByName[name] ?? []).isEmpty }

  /// The connections to a name, the one heard most recently first.
  package func connections(to name: NodeName) -> [ConnectionID] {
    (linksByName[name] ?? []).compactMap { links[$0] }.sorted(by: Self.isBetter).map(\.id)
  }

  /// All connections, in the order in which they were made.
  package var connections: [ConnectionID] { links.keys.sorted() }

  // MARK: Inputs from the membership

  package func setMemberCount(_ count: Int) {
    // With fewer members, connections are idle earlier.
    if max(1, count) < memberCount { sweepWanted = lastSweep }
    memberCount = max(1, count)
  }

  /// A member died or left: nothing more is sent to it.
  package func departed(_ name: NodeName) {
    for id in linksByName[name] ?? [] { actions.append(.close(id, .none)) }
    for dial in dials where dial.expectation == .name(name) { actions.append(.abandon(dial.id, .noContact)) }
    dials.removeAll { $0.expectation == .name(name) }
  }

  /// Our certificate changed: every connection is replaced within this time.
  package func renewAll(within limit: Duration, at now: Instant) {
    for id in connections { renew(id, within: limit, at: now) }
  }

  /// A connection on which we prove our name with a certificate that we no longer use is replaced within this time.
  package func renew(_ id: ConnectionID, within limit: Duration, at now: Instant) {
    guard let link = links[id] else { return }
    let expiresAt = min(link.expiresAt, now + random.fraction(of: limit))
    links[id]?.expiresAt = expiresAt
    sweepWanted = min(sweepWanted, expiresAt)
  }

  // MARK: Inputs from the connections

  /// A connection proved its name: one that we dialled, or one that the peer dialled and for which a dial may have waited.
  ///
  /// - Parameter took: how long our dial took; nil for a connection that the peer dialled.
  package func opened(
    _ id: ConnectionID, name: NodeName, address: NodeAddress, endOf ended: [DialID], took: Duration?, startedAt: Instant, at now: Instant
  ) {
    if let took {
      let time = min(took, configuration.dialTimeout)
      dialTime = time >= dialTime ? time : dialTime - (dialTime - time) / 8
    }
    dials.removeAll { ended.contains($0.id) }
    let address = address.canonical
    backOffs[address] = nil
    let age = configuration.maximumAge
    let link = Link(
      id: id, name: name, address: address, startedAt: startedAt, heardAt: now, usedAt: now,
      expiresAt: now + age * 0.75 + random.fraction(of: age * 0.5))
    let others = linksByName[name] ?? []
    links[id] = link
    sweepWanted = min(sweepWanted, now + idleLimit, link.expiresAt)
    linksByName[name, default: []].append(id)
    for old in others where links[old]?.serves(address) == true { actions.append(.move(from: old, to: id)) }
    for old in others where links[old]?.isExpiring == true { actions.append(.close(old, .replaced)) }
    trim(name, except: id)
    evictBeyondLimit(except: id)
    startQueuedDials(at: now)
  }

  /// The peer's hello: the address at which it says that it can be reached. From then on, messages to its name at that address can take this
  /// connection too.
  package func advertised(_ id: ConnectionID, _ address: NodeAddress) { links[id]?.claim = address.canonical }

  /// Dials of a name at an address that wait for their turn.
  package func queuedDials(to name: NodeName, at address: NodeAddress) -> [DialID] {
    let address = address.canonical
    return dials.filter { $0.startedAt == nil && $0.expectation == .name(name) && $0.address == address }.map(\.id)
  }

  /// Something arrived on the connection that only its peer can have sent.
  package func heard(_ id: ConnectionID, at now: Instant) {
    guard var link = links[id] else { return }
    (link.heardAt, link.usedAt) = (now, now)
    // Assigned as a whole: to change a value in place, a dictionary allocates.
    links[id] = link
  }

  /// Where a name has several connections, the choice depends on signs of life that only their owner sees, such as acknowledgements.
  package func refresh(_ name: NodeName, _ lastHeard: (ConnectionID) -> Instant?) {
    guard let rivals = linksByName[name], rivals.count > 1 else { return }
    for id in rivals {
      if let heardAt = lastHeard(id) { links[id]?.heardAt = heardAt }
    }
  }

  /// A connection has ended. Returns its name, and whether it was the last one to that name.
  package func closed(_ id: ConnectionID) -> (name: NodeName, wasLast: Bool)? {
    guard let link = links.removeValue(forKey: id) else { return nil }
    linksByName[link.name]?.removeAll { $0 == id }
    let wasLast = linksByName[link.name]?.isEmpty ?? true
    if wasLast { linksByName[link.name] = nil }
    return (link.name, wasLast)
  }

  /// A dial failed.
  package func dialFailed(_ id: DialID, at now: Instant) {
    guard let index = dials.firstIndex(where: { $0.id == id }) else { return }
    let address = dials.remove(at: index).address
    noteFailure(address, at: now)
    startQueuedDials(at: now)
  }

  /// Whether a dial has not begun yet, because it waits for our other dials.
  package func isQueued(_ id: DialID) -> Bool { dials.contains { $0.id == id && $0.startedAt == nil && $0.refusals == 0 } }

  /// Nothing waits for the dial any more. False when it has begun.
  package func withdraw(_ id: DialID) -> Bool {
    guard let index = dials.firstIndex(where: { $0.id == id && $0.startedAt == nil }) else { return false }
    dials.remove(at: index)
    return true
  }

  /// The target is too busy now. The dial begins again after a pause, which is longer each time; false when it has been refused too often.
  package func dialRefused(_ id: DialID, at now: Instant) -> Bool {
    guard let index = dials.firstIndex(where: { $0.id == id }), dials[index].refusals < Self.refusalLimit else { return false }
    let pause = min(configuration.busyPause.lowerBound * (1 << dials[index].refusals), configuration.busyPause.upperBound)
    dials[index].refusals += 1
    dials[index].startedAt = nil
    // Dials that were refused together do not begin again together.
    dials[index].notBefore = now + pause / 2 + random.fraction(of: pause)
    startQueuedDials(at: now)
    return true
  }

  /// Whether the target of a dial was too busy before.
  package func wasRefused(_ id: DialID) -> Bool { dials.contains { $0.id == id && $0.refusals > 0 } }

  /// Ends dials and connections whose time is over.
  package func advance(to now: Instant) {
    lastAdvance = now
    for dial in dials {
      guard let startedAt = dial.startedAt, now >= end(of: dial, startedAt: startedAt) else { continue }
      dials.removeAll { $0.id == dial.id }
      noteFailure(dial.address, at: now)
      actions.append(.abandon(dial.id, .noContact))
    }
    startQueuedDials(at: now)
    if now >= nextSweep { sweep(at: now) }
  }

  private var nextSweep: Instant { max(lastSweep + Self.sweepInterval, sweepWanted) }

  private func end(of dial: Dial, startedAt: Instant) -> Instant {
    let end = startedAt + configuration.dialTimeout
    return dial.urgency == .join && lastAdvance >= end && isAnswered(dial.id) ? startedAt + configuration.joinDialTimeout : end
  }

  // MARK: Routing

  /// The way to a destination. Dials when no connection fits.
  ///
  /// - Parameter urgency: what the message is for. All but gossip dial even an address that has just failed, and a ``SendPath/fresh(since:)`` always
  ///   does.
  package func route(
    _ destination: Destination, _ path: SendPath, urgency: DialUrgency = .gossip, at now: Instant
  ) -> Route {
    switch destination {
    case .reply(let peer): return routeReply(peer, at: now)
    case .member(let name, let address):
      guard name != configuration.ownName else { return .unreachable(.refused) }
      let address = address.canonical
      switch path {
      case .warm:
        if let best = best(of: name, at: address) { return use(best, at: now) }
        return dial(address, .name(name), since: nil, urgency, insists: urgency < .gossip, at: now)
      case .fresh(let since):
        if let best = best(of: name, at: address, since: since) { return use(best, at: now) }
        return dial(address, .name(name), since: since, urgency, insists: true, at: now)
      }
    case .anyMember(let address):
      let address = address.canonical
      // This looks at the real address of a connection, never at what its peer says about itself: a peer may claim the address of another one.
      if path == .warm, let best = links.values.filter({ $0.address == address }).min(by: Self.isBetter) { return use(best.id, at: now) }
      return dial(address, .anyMember, since: nil, .join, insists: true, at: now)
    }
  }

  /// An answer goes back on the connection that it answers, or on another one of the same peer; never to an address from a message.
  private func routeReply(_ peer: Peer, at now: Instant) -> Route {
    if let connection = peer.connection, links[connection] != nil { return use(connection, at: now) }
    guard let name = peer.provenName else { return .unreachable(.broken) }
    if let best = best(of: name) { return use(best, at: now) }
    return .unreachable(.broken)
  }

  /// The connection of a peer that was heard last, among those that began at `since` or later. Called for each packet, so it allocates nothing.
  private func best(of name: NodeName, at address: NodeAddress? = nil, since: Instant = .zero) -> ConnectionID? {
    guard let candidates = linksByName[name] else { return nil }
    var best: Link?
    for id in candidates {
      guard let link = links[id], link.startedAt >= since, address.map(link.serves) ?? true else { continue }
      if best.map({ Self.isBetter(link, $0) }) ?? true { best = link }
    }
    return best?.id
  }

  private func use(_ id: ConnectionID, at now: Instant) -> Route {
    if var link = links[id] {
      link.usedAt = now
      links[id] = link
    }
    return .use(id)
  }

  /// Of two connections to one peer, the better one is that on which it was heard last. Name or number alone could pick a dead one for ever.
  private static func isBetter(_ left: Link, _ right: Link) -> Bool { (left.heardAt, left.id) > (right.heardAt, right.id) }

  private func dial(
    _ address: NodeAddress, _ expectation: DialExpectation, since: Instant?, _ urgency: DialUrgency, insists: Bool, at now: Instant
  ) -> Route {
    let underWay = dials.firstIndex { dial in
      dial.address == address && dial.expectation == expectation && (dial.startedAt ?? now) >= since ?? .zero
    }
    if let underWay {
      let id = dials[underWay].id
      if urgency < dials[underWay].urgency {
        dials[underWay].urgency = urgency
        startQueuedDials(at: now)
      }
      return .wait(id)
    }
    if !insists, let backOff = backOffs[address], now < backOff.until { return .unreachable(.noContact) }
    guard dials.count < configuration.queuedDials else { return .unreachable(.notSent) }
    lastDial += 1
    let dial = Dial(id: DialID(value: lastDial), address: address, expectation: expectation, urgency: urgency, wantedAt: now)
    dials.append(dial)
    startQueuedDials(at: now)
    return .wait(dial.id)
  }

  /// How long a dial counts as in progress.
  private var young: Duration { max(Self.youngDial, min(dialTime * 2, configuration.dialTimeout)) }

  /// Begins dials that wait, the most urgent first, as long as few enough are in progress. A handshake costs milliseconds on both ends' processors.
  /// More of them at once than the processors can do only make all of them late. Under load dials take longer, so fewer begin in a second.
  private func startQueuedDials(at now: Instant) {
    guard dials.contains(where: { $0.startedAt == nil }) else { return }
    var hosts: [NodeAddress: Int] = [:]
    var inProgress = 0
    for dial in dials {
      guard let startedAt = dial.startedAt, now - startedAt < young else { continue }
      hosts[dial.address.with(port: 0), default: 0] += 1
      inProgress += 1
    }
    // In the order of the requests within one urgency.
    for urgency in [DialUrgency.join, .probe, .exchange, .gossip] {
      for index in dials.indices where dials[index].startedAt == nil && dials[index].urgency == urgency && dials[index].notBefore <= now {
        guard inProgress < configuration.dialsInProgress(urgency) else { break }
        let host = dials[index].address.with(port: 0)
        guard hosts[host, default: 0] < configuration.dialsPerHost else { continue }
        hosts[host, default: 0] += 1
        inProgress += 1
        dials[index].startedAt = now
        actions.append(.dial(dials[index].id, dials[index].address, dials[index].expectation))
      }
    }
  }

  private func noteFailure(_ address: NodeAddress, at now: Instant) {
    if backOffs.count >= Self.backOffLimit, backOffs[address] == nil { backOffs = backOffs.filter { now < $0.value.until } }
    guard backOffs.count < Self.backOffLimit || backOffs[address] != nil else { return }
    let failures = (backOffs[address]?.failures ?? 0) + 1
    let wait = min(configuration.backOff.upperBound, configuration.backOff.lowerBound * (1 << min(failures - 1, 10)))
    backOffs[address] = BackOff(failures: failures, until: now + wait)
  }

  // MARK: Ending

  private func trim(_ name: NodeName, except newest: ConnectionID) {
    let all = connections(to: name).filter { $0 != newest }
    for id in all.dropFirst(max(0, configuration.connectionsPerName - 1)) { actions.append(.close(id, .replaced)) }
  }

  private func evictBeyondLimit(except newest: ConnectionID) {
    guard links.count > configuration.connectionLimit else { return }
    let candidates = links.values.filter { $0.id != newest && !isPinned($0.name) }
    if let oldest = candidates.min(by: { ($0.usedAt, $0.id) < ($1.usedAt, $1.id) }) { actions.append(.close(oldest.id, .none)) }
  }

  /// How long a connection may be idle at the present number of members.
  ///
  /// Each member is probed once in a round of N probe intervals, at another place in each round. So up to two rounds pass between two probes of one
  /// member. With a shorter time, pairs lose their connection shortly before a probe needs it.
  package var idleLimit: Duration {
    let wanted = configuration.probeInterval * memberCount * 11 / 5
    return min(max(wanted, configuration.idleTime.lowerBound), configuration.idleTime.upperBound)
  }

  private func sweep(at now: Instant) {
    lastSweep = now
    sweepWanted = .distantFuture
    let limit = idleLimit
    for id in connections {
      guard let link = links[id] else { continue }
      sweepWanted = min(sweepWanted, link.usedAt + limit, link.isExpiring ? link.expiresAt + configuration.renewalTime : link.expiresAt)
      if now - link.usedAt > limit, !isPinned(link.name) {
        actions.append(.close(id, .none))
      } else if now >= link.expiresAt + configuration.renewalTime {
        // Its successor was not made in time.
        actions.append(.close(id, .replaced))
      } else if now >= link.expiresAt, !link.isExpiring {
        replace(link, at: now)
      }
    }
    backOffs = backOffs.filter { now < $0.value.until + configuration.backOff.upperBound }
  }

  /// The new connection exists before the old one ends. It goes to the address that the membership has for the peer (`secure-transport.md` 1.10).
  private func replace(_ link: Link, at now: Instant) {
    links[link.id]?.isExpiring = true
    let address = addressOf(link.name)?.canonical ?? link.address
    let hasSuccessor = (linksByName[link.name] ?? []).contains { id in
      links[id].map { !$0.isExpiring && $0.serves(address) } ?? false
    }
    if hasSuccessor {
      actions.append(.close(link.id, .replaced))
    } else {
      _ = dial(address, .name(link.name), since: now, .exchange, insists: true, at: now)
    }
  }
}
