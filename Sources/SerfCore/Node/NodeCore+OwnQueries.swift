import Memberlist
package import SerfPrimitives
import SerfWire

/// Our own queries, and their answers (`serf.md` section 9).
extension NodeCore {
  // MARK: Asking

  /// Asks the members that the options address, this one included. Acks and answers come as outputs with the returned ID, until ``NodeOutput/queryEnded(_:_:)``:
  /// when every member that was asked has answered, or when the time is over.
  package mutating func query(
    name: [UInt8], payload: [UInt8], options: SerfQuery.Options, at now: Instant
  ) throws(SerfCoreError) -> SerfQuery.ID {
    // `serf reachability` asks for the acks of that one.
    guard !InternalQuery.isName(name) || InternalQuery(name: name) == .ping && payload.isEmpty else { throw .internalQuery(name: name) }
    return try ask(name: name, payload: payload, options: options, addressing: .everyMember, at: now)
  }

  /// Whose answers end a query before its time.
  enum Addressing { case everyMember, otherMembers }

  /// The same for any name.
  mutating func ask(
    name: [UInt8], payload: [UInt8], options: SerfQuery.Options, addressing: Addressing, at now: Instant
  ) throws(SerfCoreError) -> SerfQuery.ID {
    guard status == .alive || status == .leaving else { throw .notAlive(status) }
    let timeout = options.timeout ?? defaultQueryTimeout
    guard timeout >= .milliseconds(1), timeout <= Self.longestQuery else { throw .queryTimeout(timeout, longest: Self.longestQuery) }
    let id = SerfQuery.ID(time: queryClock.time, number: UInt32(truncatingIfNeeded: random.next()) & 0x7fff_ffff)
    var encoded = takeScratch()
    let filters = QueryFilter.encode(options.filters.map { $0.wire })
    encodeQuery(id, name, payload, filters, options, timeout, into: &encoded)
    let limit = configuration.queries.sizeLimit
    guard encoded.count <= limit else {
      throw .queryTooLarge(name: name, encoded: encoded.count, content: name.count + payload.count, limit: limit)
    }
    let isOffered = Self.isOffered(encoded.count)
    let isLarge = Self.isLarge(encoded.count)
    if isOffered {
      // What is offered is the query without its payload.
      encoded.removeAll(keepingCapacity: true)
      encodeQuery(id, name, nil, filters, options, timeout, into: &encoded)
      let limit = SerfSettings.UserEvents.largestSizeLimit
      guard encoded.count <= limit else { throw .queryTooLarge(name: name, encoded: encoded.count, content: name.count, limit: limit) }
    }
    // Only now: filters that fit are few.
    let matcher = try QueryMatcher(options.filters)
    self.now = now
    counters.queriesSent += 1
    _ = queryClock.tick()
    var addressed = addressed(by: matcher)
    if addressing == .otherMembers { addressed.remove(self.name) }
    openQueries[id.time] = OpenQuery(id: id, options: options, addressing: addressed)
    timers.schedule(.queryDeadline(id.time), at: now + timeout)
    // It is in the ring, so that it is not taken for new when it comes back.
    do { try queries.insert(id: id.number, time: id.time, clock: queryClock.time) } catch { countQuery(error) }
    if isOffered {
      let body = BodyID(digest: SHA256.digest(of: payload.span.bytes), size: payload.count)
      broadcastLarge(.query(id.time, id.number), encoded, payload: payload, body)
    } else {
      membership.broadcast(encoded.span.bytes, tier: isLarge ? .large : .query, at: now)
    }
    scratch = encoded
    var budget = QueryFilterList.stepLimit
    if matcher.matches(self.name, tags: ownTags, budget: &budget) == true {
      let query = SerfQuery(id: id, nameBytes: name, payload: payload, source: self.name, timeout: timeout)
      queryArrived(query, address: membership.local.address, relayFactor: options.relayFactor, wantsAck: options.wantsAcks)
    }
    return id
  }

  private func encodeQuery(
    _ id: SerfQuery.ID, _ name: [UInt8], _ payload: [UInt8]?, _ filters: [UInt8], _ options: SerfQuery.Options, _ timeout: Duration,
    into bytes: inout [UInt8]
  ) {
    let content = payload ?? []
    QueryMessage(
      time: id.time, id: id.number, source: membership.local.address, sourceNode: self.name.bytes.span.bytes, filters: filters.span.bytes,
      flags: options.wantsAcks ? .wantsAck : [], relayFactor: options.relayFactor, timeoutNanoseconds: timeout.nanoseconds,
      name: name.span.bytes, payload: payload == nil ? nil : content.span.bytes
    ).encode(into: &bytes)
  }

  /// Go's formula (`serf.md` section 9). Without gossip a query still reaches other members on probes.
  private var defaultQueryTimeout: Duration {
    let gossip = configuration.membership.gossip.interval
    let base = gossip > .zero ? gossip : .milliseconds(200)
    return base * (configuration.queries.timeoutMultiplier * Logarithm.ceilingOfDecades(membership.liveCount + 1))
  }

  private func addressed(by matcher: QueryMatcher) -> Set<NodeName> {
    var names: Set<NodeName> = []
    var budget = Self.addressingSteps
    for row in table.rows where row.member.status == .alive {
      let member = row.member
      // Members beyond the budget count as asked: then the query does not end before its time, and no answer is refused.
      if matcher.matches(member.name, tags: member.tags, budget: &budget) != false { names.insert(member.name) }
    }
    return names
  }

  /// The most steps that the filters of an own query may take for all members together: some milliseconds.
  private static let addressingSteps = 1 << 21

  /// Ten minutes, as in the Rust peer: what waits longer is no question to a cluster.
  package static let longestQuery = Duration.seconds(600)

  // MARK: Answers

  /// An ack or an answer arrived, from its sender or by way of another member.
  mutating func responseReceived(_ body: RawSpan, from peer: Peer) throws(WireError) {
    let message = try QueryResponseMessage(decoding: body)
    // Not a copy of the query: its sets would be copied with the first change.
    let open = openQueries[message.time].map { (id: $0.id, isRelayed: $0.isRelayed) }
    guard let query = open, query.id.number == message.id else {
      counters.responsesWithoutQuery += 1
      return
    }
    // A member answers for itself (`secure-transport.md` 1.5). What was relayed comes over another member's connection.
    if let proven = peer.provenName, !query.isRelayed, !message.from.equals(proven.bytes) {
      counters.responsesRefused += 1
      return diagnose(.responseOfOther(NodeName(bytes: [UInt8](copying: message.from)), from: peer))
    }
    guard !message.from.isEmpty, message.from.byteCount <= configuration.membership.limits.nameLength else {
      counters.responsesRefused += 1
      return diagnose(.limitReached(.nameLength))
    }
    let member = membership.nodeName(message.from)
    if message.isAck { return ackArrived(query.id, from: member) }
    // Most answers to a query with a relay factor are repeated: nothing is copied for them.
    guard openQueries[message.time]?.hasAnswer(from: member) != true else { return counters.responsesDuplicate += 1 }
    var payload: [UInt8] = []
    if let stated = message.payload { payload = [UInt8](copying: stated) }
    answerArrived(query.id, from: member, payload)
  }

  mutating func ackArrived(_ id: SerfQuery.ID, from member: NodeName) {
    guard var query = takeQuery(id) else { return }
    let arrival = query.acknowledged(by: member)
    openQueries[id.time] = query
    if count(arrival) { outbox.push(.queryAcknowledged(id, by: member)) }
  }

  mutating func answerArrived(_ id: SerfQuery.ID, from member: NodeName, _ payload: [UInt8]) {
    guard var query = takeQuery(id) else { return }
    let arrival = query.answered(by: member)
    // The answer proves that the query arrived; the ack may be lost, or come later.
    let isAck = arrival == .new && query.acknowledged(by: member) == .new
    openQueries[id.time] = query
    guard count(arrival) else { return }
    counters.answersReceived += 1
    if isAck { outbox.push(.queryAcknowledged(id, by: member)) }
    if !voteArrived(id, from: member, payload) { outbox.push(.queryAnswered(id, QueryAnswer(from: member, payload: payload))) }
    if openQueries[id.time]?.isComplete == true { endQuery(id.time) }
  }

  /// Takes a query out, to be changed and put back: to change a value in place, a dictionary allocates.
  private mutating func takeQuery(_ id: SerfQuery.ID) -> OpenQuery? {
    guard openQueries[id.time]?.id == id else { return nil }
    return openQueries.removeValue(forKey: id.time)
  }

  private mutating func count(_ arrival: OpenQuery.Arrival) -> Bool {
    switch arrival {
    case .new: return true
    case .duplicate: counters.responsesDuplicate += 1
    case .unwanted: counters.responsesRefused += 1
    }
    return false
  }

  /// Its asker waits for no more answers.
  package mutating func closeQuery(_ id: SerfQuery.ID) {
    if openQueries[id.time]?.id == id { openQueries[id.time] = nil }
  }

  /// Its time is over, or it is complete.
  mutating func endQuery(_ time: LamportTime) {
    guard let query = openQueries.removeValue(forKey: time), !voteEnded(query.id) else { return }
    outbox.push(.queryEnded(query.id, query.summary))
  }
}

extension SerfQuery.Filter {
  fileprivate var wire: QueryFilter {
    switch self {
    case .members(let names): .nodes(names)
    case .tag(let name, let expression): .tag(name: Array(name.utf8), expression: Array(expression.utf8))
    }
  }
}
