import Memberlist
package import SerfPrimitives
import SerfWire

/// What the program itself sends: a state with each push/pull, and messages to single nodes (`serf.md` section 18). Both only to peers that say
/// that they read them.
extension NodeCore {
  // MARK: What peers read

  /// What the peer of this name reads; nil when no connection to it exists, so that its next one may lead to another version of the program.
  package mutating func peerFeaturesChanged(_ name: NodeName, _ features: PeerFeatures?, at now: Instant) {
    guard status != .shutDown else { return }
    self.now = now
    defer { noteReadsLarge(name) }
    guard let features else { return userData.peers[name] = nil }
    guard userData.peers[name] != nil || userData.peers.count < Self.knownPeersLimit else { return }
    userData.peers[name] = features
    for message in userData.takeWaiting(for: name) { deliver(message) }
  }

  private func reads(_ name: NodeName?) -> Bool {
    guard let name else { return false }
    return userData.peers[name]?.contains(.userData) ?? false
  }

  // MARK: State

  /// Replaces the state that goes along with each push/pull; empty for none.
  package mutating func setUserState(_ state: [UInt8]) throws(SerfCoreError) {
    guard status == .alive else { throw .notAlive(status) }
    guard membership.transport.statesPeerFeatures else { throw .userDataUnsupported }
    let limit = configuration.userData.stateSizeLimit
    guard state.count <= limit else { throw .userStateTooLarge(byteCount: state.count, limit: limit) }
    userData.state = state
  }

  /// Our state, if there is one and this member reads it.
  func userState(for name: NodeName?) -> [UInt8]? { userData.state.isEmpty || !reads(name) ? nil : userData.state }

  /// A push/pull carried this.
  mutating func userStateReceived(_ state: RawSpan, isJoin: Bool, from peer: Peer) {
    // Without names nobody can say whose it is, and no peer of ours sends it.
    guard membership.transport.statesPeerFeatures, let sender = peer.provenName else { return }
    guard state.byteCount <= configuration.userData.stateSizeLimit else {
      counters.userStatesRefused += 1
      return diagnose(.limitReached(.userState))
    }
    counters.userStatesReceived += 1
    guard configuration.hasDelegate else { return }
    outbox.push(.delegate(.userState([UInt8](copying: state), from: sender, isJoin: isJoin)))
  }

  // MARK: Messages

  /// Sends a message to the program at another node. The reply comes when that node has taken it, or could not be given it.
  ///
  /// A member to which there is no connection is pinged first, because only a connection says what its program reads.
  package mutating func send(_ payload: [UInt8], to name: NodeName, request: RequestID, at now: Instant) throws(SerfCoreError) {
    guard status == .alive || status == .leaving else { throw .notAlive(status) }
    guard membership.transport.statesPeerFeatures else { throw .userDataUnsupported }
    let limit = configuration.userData.messageSizeLimit
    guard payload.count <= limit else { throw .nodeMessageTooLarge(byteCount: payload.count, limit: limit) }
    self.now = now
    guard name != self.name else {
      nodeMessageArrived(payload, from: name)
      return outbox.push(.reply(request, .messageEnded(nil)))
    }
    guard membership.member(name)?.state.isLive == true else { throw .notALiveMember(name) }
    guard userData.messageCount < configuration.userData.messagesInFlight else {
      counters.nodeMessagesNotSent += 1
      throw .tooManyMessages(limit: configuration.userData.messagesInFlight)
    }
    let message = WaitingMessage(id: nextID(), request: request, name: name, payload: payload)
    guard userData.peers[name] == nil else { return deliver(message) }
    userData.waiting.append(message)
    timers.schedule(.messageDeadline(message.id), at: now + configuration.membership.pushPull.timeout)
    membership.ping(name, id: PingID(message.id), at: now)
  }

  private mutating func deliver(_ message: WaitingMessage) {
    guard reads(message.name) else { return end(message.request, .unsupported) }
    guard let address = membership.member(message.name)?.address else { return end(message.request, .contact(.noContact)) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(message.payload.count + 16)
    NodeMessage(payload: message.payload.span.bytes).encode(into: &bytes)
    let exchange = membership.sendUserMessageReliably(bytes.span.bytes, to: .member(message.name, address), at: now)
    userData.sent[exchange] = message.request
  }

  /// The exchange that carries a message has ended.
  mutating func userMessageFinished(_ id: ExchangeID, _ failure: ContactFailure?) {
    guard let request = userData.sent.removeValue(forKey: id) else { return }
    end(request, failure.map { .contact($0) })
  }

  private mutating func end(_ request: RequestID, _ failure: NodeMessageFailure?) {
    if failure == nil { counters.nodeMessagesSent += 1 } else { counters.nodeMessagesNotSent += 1 }
    outbox.push(.reply(request, .messageEnded(failure)))
  }

  /// The ping for a message that waits has ended; false if it was for something else. An answer means that the peer's word on what it reads is on its
  /// way, and a dial may take longer than a ping.
  mutating func messagePinged(_ id: PingID, _ result: PingResult) -> Bool {
    guard userData.waiting.contains(where: { $0.id == id.value }) else { return false }
    switch result {
    case .answered, .timedOut: break
    case .unknownMember: messageExpired(id.value, .noContact)
    case .notSent(let reason): messageExpired(id.value, reason)
    }
    return true
  }

  mutating func messageExpired(_ id: UInt64, _ reason: ContactFailure = .deadline) {
    guard let index = userData.waiting.firstIndex(where: { $0.id == id }) else { return }
    end(userData.waiting.remove(at: index).request, .contact(reason))
  }

  /// A message of another node. Only those on streams count: another member can make us, or us make another one, pass a packet on, and then the
  /// connection proves the wrong name.
  mutating func nodeMessageReceived(_ body: RawSpan, isReliable: Bool, from peer: Peer) throws(WireError) {
    guard membership.transport.statesPeerFeatures, isReliable, let sender = peer.provenName else {
      counters.messagesUnknown += 1
      return diagnose(.malformed(.nodeMessage, .unexpectedType, from: peer))
    }
    let message = try NodeMessage(decoding: body)
    guard message.payload.byteCount <= configuration.userData.messageSizeLimit else {
      counters.nodeMessagesRefused += 1
      return diagnose(.limitReached(.nodeMessageSize))
    }
    nodeMessageArrived([UInt8](copying: message.payload), from: sender)
  }

  private mutating func nodeMessageArrived(_ payload: [UInt8], from sender: NodeName) {
    counters.nodeMessagesReceived += 1
    guard configuration.hasDelegate else { return }
    outbox.push(.delegate(.message(payload, from: sender)))
  }

  /// As many names as a transport can have connections, and more.
  private static var knownPeersLimit: Int { 8_192 }
}

/// A message that waits to hear what its member reads.
struct WaitingMessage: Sendable {
  let id: UInt64
  let request: RequestID
  let name: NodeName
  let payload: [UInt8]
}

/// The program's own data on its way.
struct UserDataTraffic: Sendable {
  /// What our push/pulls carry; empty for nothing.
  var state: [UInt8] = []
  /// What the members read that there is a connection to.
  var peers: [NodeName: PeerFeatures] = [:]
  /// In the order of the calls.
  var waiting: [WaitingMessage] = []
  var sent: [ExchangeID: RequestID] = [:]

  /// How many messages have not ended.
  var messageCount: Int { waiting.count + sent.count }

  /// The calls that wait for them.
  var requests: [RequestID] { waiting.map { $0.request } + sent.values }

  mutating func dropMessages() {
    waiting = []
    sent = [:]
  }

  /// Removes and returns the messages that wait for this member.
  mutating func takeWaiting(for name: NodeName) -> [WaitingMessage] {
    guard !waiting.isEmpty else { return [] }
    let taken = waiting.filter { $0.name == name }
    waiting.removeAll { $0.name == name }
    return taken
  }
}

/// Why a message to another node was not taken.
package enum NodeMessageFailure: Hashable, Sendable {
  /// The member's program does not read such messages.
  case unsupported
  case contact(ContactFailure)
}
