import Memberlist
package import SerfPrimitives
import SerfWire

/// Queries of other members: passed on, remembered so that each is handled once, and answered (`serf.md` section 9).
extension NodeCore {
  /// A query arrived, whose time the clock has witnessed; true when it is new and may be passed on.
  mutating func queryReceived(_ message: borrowing QueryMessage) -> Bool {
    do {
      try queries.insert(id: message.id, time: message.time, clock: queryClock.time)
    } catch {
      countQuery(error)
      return false
    }
    counters.queriesReceived += 1
    deliver(message)
    return !message.flags.contains(.noBroadcast) && mayPassOn(message.name)
  }

  /// A node that encrypts, and accepts clear text as well, would turn a stranger's key operation into one of a member.
  private mutating func mayPassOn(_ name: RawSpan) -> Bool {
    guard !membership.transport.passesKeyOperations, case .key = InternalQuery(name: [UInt8](copying: name)) else { return true }
    counters.keyOperationsRefused += 1
    return false
  }

  mutating func countQuery(_ refusal: RingRefusal) {
    switch refusal {
    case .duplicate: counters.queriesDuplicate += 1
    case .notWanted, .tooOld: counters.queriesTooOld += 1
    case .full:
      counters.queriesRefused += 1
      diagnose(.limitReached(.queryIDsPerTime))
    }
  }

  private mutating func deliver(_ message: borrowing QueryMessage) {
    let limit = SerfSettings.UserEvents.largestSizeLimit
    guard let isAsked = QueryFilterList.matches(message.filters, name, tags: { ownTags }, byteLimit: limit) else {
      counters.queriesRefused += 1
      return diagnose(.limitReached(.queryFilters))
    }
    guard isAsked else { return }
    var payload: [UInt8] = []
    if let stated = message.payload { payload = [UInt8](copying: stated) }
    let query = SerfQuery(
      id: SerfQuery.ID(time: message.time, number: message.id), nameBytes: [UInt8](copying: message.name), payload: payload,
      source: membership.nodeName(message.sourceNode),
      timeout: min(max(.nanoseconds(message.timeoutNanoseconds), .zero), Self.longestQuery))
    queryArrived(
      query, address: message.source, relayFactor: message.relayFactor, wantsAck: message.flags.contains(.wantsAck))
  }

  /// A query is addressed to this node, which tells the application, or answers it itself.
  mutating func queryArrived(_ query: SerfQuery, address: NodeAddress?, relayFactor: UInt8, wantsAck: Bool) {
    let received = ReceivedQuery(
      id: query.id, source: query.source, address: address, relayFactor: relayFactor, deadline: now + query.timeout)
    if wantsAck { acknowledge(received) }
    guard !InternalQuery.isName(query.nameBytes) else {
      return internalQueryArrived(received, name: query.nameBytes, payload: query.payload.bytes)
    }
    counters.queriesDelivered += 1
    if receivedQueries.insert(received, at: now) { diagnose(.limitReached(.answerableQueries)) }
    outbox.push(.event(.query(query)))
  }

  // MARK: Answering

  /// Answers a query that was delivered here: once, and before its time is over.
  package mutating func respond(to id: SerfQuery.ID, with payload: [UInt8], at now: Instant) throws(SerfCoreError) {
    guard status == .alive || status == .leaving else { throw .notAlive(status) }
    self.now = now
    let message = encodeResponse(id, flags: 0, payload)
    let limit = configuration.queries.answerSizeLimit
    guard message.count <= limit else { throw .answerTooLarge(encoded: message.count, content: payload.count, limit: limit) }
    // A query that is forgotten was one of too many, or its time is long over.
    guard let query = receivedQueries[id], query.deadline > now else { throw .answerTooLate }
    guard !query.isAnswered else { throw .answeredAlready }
    let isLarge = Self.isLarge(message.count) && query.source != name
    if isLarge, let known = userData.peers[query.source], !known.contains(.largeMessages) {
      throw .askerReadsNothingLarge(query.source, encoded: message.count, limit: SerfSettings.UserEvents.largestSizeLimit)
    }
    receivedQueries.markAnswered(id)
    counters.answersSent += 1
    guard query.source != name else { return answerArrived(id, from: name, payload) }
    guard isLarge else { return send(message, answering: query) }
    if query.relayFactor > 0 { counters.relaysTooLarge += 1 }
    guard Self.isOffered(message.count) else {
      return sendLargeAnswer(LargeAnswer(asker: query.source, message: message, deadline: query.deadline), to: query)
    }
    let body = BodyID(digest: SHA256.digest(of: payload.span.bytes), size: payload.count)
    let offer = makeOffer(encodeResponse(id, flags: 0, nil), body)
    sendLargeAnswer(LargeAnswer(asker: query.source, message: offer, body: body, payload: payload, deadline: query.deadline), to: query)
  }

  private mutating func acknowledge(_ query: ReceivedQuery) {
    guard query.source != name else { return ackArrived(query.id, from: name) }
    var message = takeScratch()
    encodeResponse(query.id, flags: 1, nil, into: &message)
    send(message, answering: query)
    scratch = message
  }

  func encodeResponse(_ id: SerfQuery.ID, flags: UInt32, _ payload: [UInt8]?) -> [UInt8] {
    var message: [UInt8] = []
    encodeResponse(id, flags: flags, payload, into: &message)
    return message
  }

  private func encodeResponse(_ id: SerfQuery.ID, flags: UInt32, _ payload: [UInt8]?, into message: inout [UInt8]) {
    let own = name.bytes
    let content = payload ?? []
    QueryResponseMessage(
      time: id.time, id: id.number, from: own.span.bytes, flags: flags, payload: payload == nil ? nil : content.span.bytes
    ).encode(into: &message)
  }

  /// Sends it to the asking member, and by way of as many others as the query wants.
  mutating func send(_ message: [UInt8], answering query: ReceivedQuery) {
    guard let destination = relayDestination(query.source, query.address) else {
      counters.responsesUndeliverable += 1
      return diagnose(.askerUnknown(query.source))
    }
    membership.sendUserMessage(message.span.bytes, to: destination)
    guard query.relayFactor > 0, table.count > Int(query.relayFactor) else { return }
    var wrapped: [UInt8] = []
    let source = query.source.bytes
    RelayMessage(destination: query.address, destinationName: source.span.bytes, message: message.span.bytes).encode(into: &wrapped)
    guard wrapped.count <= configuration.queries.answerSizeLimit else {
      counters.relaysTooLarge += 1
      return
    }
    for relay in relays(Int(query.relayFactor), besides: query.source) { membership.sendUserMessage(wrapped.span.bytes, to: relay) }
  }

  /// Members that pass on what is relayed, chosen by chance: alive ones that know this message.
  private mutating func relays(_ count: Int, besides source: NodeName) -> [Destination] {
    var candidates: [Int] = []
    for (index, row) in table.rows.enumerated() {
      let member = row.member
      guard member.status == .alive, member.name != name, member.name != source else { continue }
      if member.versions.protocolMaximum >= 5 { candidates.append(index) }
    }
    return (0..<min(count, candidates.count)).map { _ in
      let member = table.rows[candidates.remove(at: random.below(candidates.count))].member
      return .member(member.name, member.address)
    }
  }

  // MARK: Relaying

  /// A member asks us to hand a message to another one: answers to queries also take such detours, so that more of them arrive.
  ///
  /// Where names are proven, an address from a message is never used: the name is looked up in the member table (`secure-transport.md` 1.10).
  /// Otherwise the address must be in the allowed networks.
  mutating func relayReceived(_ body: RawSpan, from peer: Peer) throws(WireError) {
    let message = try RelayMessage(decoding: body)
    guard !message.message.isEmpty else { throw .empty }
    // Acks and answers take detours, and nothing else does.
    guard message.message[checked: 0] == SerfMessageType.queryResponse.rawValue else { throw .unexpectedType }
    let node = membership.nodeName(message.destinationName)
    guard let destination = relayDestination(node, message.destination) else {
      counters.relaysDropped += 1
      return diagnose(.relayDropped(node, from: peer))
    }
    counters.relaysForwarded += 1
    membership.sendUserMessage(message.message, to: destination)
  }

  /// Where a member is that we know by name alone, or by what a message says.
  private func relayDestination(_ node: NodeName, _ address: NodeAddress?) -> Destination? {
    if membership.transport.provesNames {
      return membership.member(node).flatMap { $0.state.isLive ? .member(node, $0.address) : nil }
    }
    guard let address, membership.maySend(to: address) else { return nil }
    return node.isEmpty ? .anyMember(address) : .member(node, address)
  }
}
