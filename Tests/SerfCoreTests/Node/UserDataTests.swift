import Memberlist
import SerfCore
import SerfPrimitives
import SerfWire
import Testing

@Suite("The program's own data")
struct UserDataTests {
  private let peer = Peer(address: NodeAddress(ipv4: 10, 0, 1, 97, port: 7946), connection: ConnectionID(1), provenName: "a")

  /// A node on a transport that says what its peers read, with the member a.
  private func node(_ adjust: (inout SerfCoreConfiguration) -> Void = { _ in }) throws -> TestNode {
    var configuration = SerfCoreConfiguration.quiet
    configuration.hasDelegate = true
    adjust(&configuration)
    let node = try TestNode(configuration, transport: TransportTraits(statesPeerFeatures: true))
    node.meet("a")
    return node
  }

  private func user(_ state: [UInt8]) throws -> [UInt8]? {
    let decoded = try SerfPushPull(decoding: state.span.bytes.extracting(droppingFirst: 1))
    guard let user = decoded.user else { return nil }
    return [UInt8](copying: user)
  }

  /// A push/pull of the member a, with this state of its program.
  private func pushPull(_ node: TestNode, _ user: [UInt8], from peer: Peer) {
    var state: [UInt8] = []
    var writer = SerfPushPullWriter(taking: &state, eventTime: 0, slots: 0, hasUser: true)
    writer.clock(0, left: 0)
    writer.queryClock(0, statuses: 0)
    writer.user(user.span.bytes)
    state = writer.finish()
    var message: [UInt8] = []
    PushPullHeader(isJoin: false, nodeCount: 1, userStateLength: state.count).encode(into: &message)
    let name = NodeName("a").bytes
    PushPullNode(
      name: name.span.bytes, address: NodeAddress(ipv4: 10, 0, 1, 97, port: 7946), meta: RawSpan(), incarnation: 1, state: 0,
      versions: .current
    ).encode(into: &message)
    message += state
    node.feed { core, now in core.exchangeReceived(ExchangeID(1 << 63), message: message.span.bytes, from: peer, at: now) }
  }

  private func message(_ payload: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    NodeMessage(payload: payload.span.bytes).encode(into: &bytes)
    return bytes
  }

  /// A message arrives on a stream.
  private func stream(_ node: TestNode, _ message: [UInt8], from peer: Peer) {
    var request: [UInt8] = []
    UserMessageHeader(length: message.count).encode(into: &request)
    request += message
    node.feed { core, now in core.exchangeReceived(ExchangeID(1 << 63), message: request.span.bytes, from: peer, at: now) }
  }

  @discardableResult
  private func send(_ node: TestNode, _ payload: [UInt8], to name: NodeName, as request: UInt64 = 1) throws(SerfCoreError) -> RequestID {
    let id = RequestID(request)
    try node.with { (core, now) throws(SerfCoreError) in try core.send(payload, to: name, request: id, at: now) }
    return id
  }

  // MARK: State

  @Test("goes to a member that says that it reads it, and to nobody else")
  func stateOut() throws {
    let node = try node()
    #expect(try user(node.state(for: "a")) == nil)
    _ = try node.with { (core, _) throws(SerfCoreError) in try core.setUserState([1, 2, 3]) }
    // Nothing is known of it, then it has other features, then this one; then the connection ends.
    #expect(try user(node.state(for: "a")) == nil)
    node.feed { core, now in core.peerFeaturesChanged("a", .zstd, at: now) }
    #expect(try user(node.state(for: "a")) == nil)
    node.feed { core, now in core.peerFeaturesChanged("a", [.zstd, .userData], at: now) }
    #expect(try user(node.state(for: "a")) == [1, 2, 3])
    #expect(try user(node.state(for: "b")) == nil && user(node.state()) == nil)
    node.feed { core, now in core.peerFeaturesChanged("a", nil, at: now) }
    #expect(try user(node.state(for: "a")) == nil)
  }

  @Test("comes with a push/pull, as its sender's; one above the limit is counted and dropped, and the rest of the push/pull counts")
  func stateIn() throws {
    let node = try node { $0.userData.stateSizeLimit = 10 }
    pushPull(node, [7, 7], from: peer)
    #expect(node.delegateCalls == [.userState([7, 7], from: "a", isJoin: false)])
    pushPull(node, [UInt8](repeating: 0, count: 11), from: peer)
    #expect(node.delegateCalls.count == 1)
    #expect(node.core.counters.userStatesReceived == 1 && node.core.counters.userStatesRefused == 1)
    #expect(node.limits == [.userState])
    #expect(node.core.counters.statesMalformed == 0 && node.core.counters.statesReceived == 2)
  }

  @Test("of a peer without a proven name is nobody's")
  func unprovenState() throws {
    let node = try node()
    pushPull(node, [7], from: node.peer)
    #expect(node.delegateCalls.isEmpty && node.core.counters.statesReceived == 1)
  }

  @Test("has a limit of its own, and needs a transport that says what its peers read")
  func stateErrors() throws {
    let node = try node()
    #expect(throws: SerfCoreError.userStateTooLarge(byteCount: 1 << 20 | 1, limit: 1 << 20)) {
      try node.with { (core, _) throws(SerfCoreError) in try core.setUserState([UInt8](repeating: 0, count: 1 << 20 | 1)) }
    }
    let go = try TestNode()
    #expect(throws: SerfCoreError.userDataUnsupported) {
      try go.with { (core, _) throws(SerfCoreError) in try core.setUserState([1]) }
    }
    #expect(throws: SerfCoreError.userDataUnsupported) { try send(go, [1], to: "me") }
  }

  // MARK: Messages out

  @Test("goes on a stream of its own, and the sender hears how that ended")
  func messageOut() throws {
    let node = try node()
    node.feed { core, now in core.peerFeaturesChanged("a", .userData, at: now) }
    for number in 1...2 as ClosedRange<UInt64> { try send(node, [9], to: "a", as: number) }
    #expect(node.opened.map(\.to) == Array(repeating: .member("a", NodeAddress(ipv4: 10, 0, 1, 97, port: 7946)), count: 2))
    #expect(node.replies.isEmpty)
    node.feed { core, now in
      core.exchangeCompleted(node.opened[0].id, reply: RawSpan(), from: peer, at: now)
      core.exchangeFailed(node.opened[1].id, reason: .broken, at: now)
    }
    #expect(node.replies == [RequestID(1): .messageEnded(nil), RequestID(2): .messageEnded(.contact(.broken))])
    #expect(node.core.counters.nodeMessagesSent == 1 && node.core.counters.nodeMessagesNotSent == 1)
  }

  @Test("is never sent to a member that does not read it")
  func oldMember() throws {
    let node = try node()
    node.feed { core, now in core.peerFeaturesChanged("a", .zstd, at: now) }
    let packets = node.packets.count
    let request = try send(node, [9], to: "a")
    #expect(node.replies == [request: .messageEnded(.unsupported)])
    #expect(node.opened.isEmpty && node.packets.count == packets)
  }

  @Test("waits for the word of a member that there is no connection to, which is pinged")
  func waits() throws {
    let node = try node()
    try send(node, [9], to: "a", as: 1)
    try send(node, [8], to: "a", as: 2)
    #expect(node.pings.count == 2 && node.opened.isEmpty && node.replies.isEmpty)
    node.feed { core, now in core.peerFeaturesChanged("a", .userData, at: now) }
    #expect(node.opened.count == 2)
    // The time of the wait counts no more.
    node.advance(by: .seconds(60))
    #expect(node.replies.isEmpty)
  }

  @Test("ends unsent when that word does not come in time, or says that it reads none")
  func waitsInVain() throws {
    let node = try node()
    let request = try send(node, [9], to: "a")
    node.advance(by: .seconds(9))
    #expect(node.replies.isEmpty)
    node.advance(by: .seconds(2))
    #expect(node.replies == [request: .messageEnded(.contact(.deadline))])
    let other = try send(node, [9], to: "a", as: 2)
    node.feed { core, now in core.peerFeaturesChanged("a", .zstd, at: now) }
    #expect(node.replies[other] == .messageEnded(.unsupported))
    #expect(node.opened.isEmpty)
  }

  @Test("to this node itself arrives at once")
  func toItself() throws {
    let node = try node()
    let request = try send(node, [5], to: "me")
    #expect(node.replies == [request: .messageEnded(nil)])
    #expect(node.delegateCalls == [.message([5], from: "me")])
  }

  @Test("is refused when it is too large, for a stranger, one too many, and after the end")
  func messageErrors() throws {
    let node = try node { $0.userData.messagesInFlight = 2 }
    #expect(throws: SerfCoreError.nodeMessageTooLarge(byteCount: 65_537, limit: 65_536)) {
      try send(node, [UInt8](repeating: 0, count: 65_537), to: "a")
    }
    #expect(throws: SerfCoreError.notALiveMember("ghost")) { try send(node, [1], to: "ghost") }
    try send(node, [1], to: "a", as: 1)
    try send(node, [1], to: "a", as: 2)
    #expect(throws: SerfCoreError.tooManyMessages(limit: 2)) { try send(node, [1], to: "a", as: 3) }
    node.feed { core, now in core.shutDown(at: now) }
    #expect(node.replies == [RequestID(1): .shutDown, RequestID(2): .shutDown])
    #expect(throws: SerfCoreError.notAlive(.shutDown)) { try send(node, [1], to: "a") }
  }

  @Test("that is under way when the node leaves ends as others do, and none is begun after that")
  func leaving() throws {
    let node = try node { $0.leaving.broadcastTimeout = .seconds(1) }
    node.meet("c")
    node.feed { core, now in core.peerFeaturesChanged("a", .userData, at: now) }
    let (sent, waiting) = (try send(node, [1], to: "a", as: 1), try send(node, [1], to: "c", as: 2))
    try node.with { (core, now) throws(SerfCoreError) in try core.leave(request: RequestID(3), at: now) }
    while node.core.status != .left { node.advance(by: .milliseconds(100)) }
    #expect(node.replies[sent] == nil && node.replies[waiting] == nil)
    node.feed { core, now in core.exchangeCompleted(node.opened[0].id, reply: RawSpan(), from: peer, at: now) }
    node.advance(by: .seconds(10))
    #expect(node.replies[sent] == .messageEnded(nil) && node.replies[waiting] == .messageEnded(.contact(.deadline)))
    #expect(throws: SerfCoreError.notAlive(.left)) { try send(node, [1], to: "a", as: 4) }
  }

  // MARK: Messages in

  @Test("arrives as the message of the node that its connection proves")
  func messageIn() throws {
    let node = try node()
    stream(node, message([1, 2]), from: peer)
    stream(node, message([]), from: peer)
    #expect(node.delegateCalls == [.message([1, 2], from: "a"), .message([], from: "a")])
    #expect(node.core.counters.nodeMessagesReceived == 2)
  }

  @Test("above the limit, torn, or without a proven sender is counted, and nobody gets it")
  func badMessages() throws {
    let node = try node { $0.userData.messageSizeLimit = 3 }
    stream(node, message([1, 2, 3, 4]), from: peer)
    #expect(node.core.counters.nodeMessagesRefused == 1 && node.limits == [.nodeMessageSize])
    stream(node, Array(message([1, 2]).dropLast()), from: peer)
    #expect(node.core.counters.messagesMalformed == 1)
    stream(node, message([1]), from: node.peer)
    #expect(node.core.counters.messagesUnknown == 1)
    #expect(node.delegateCalls.isEmpty && node.core.counters.nodeMessagesReceived == 0)
  }

  @Test("in a packet is not believed: a member passes on what another one gives it, and would be taken for the sender")
  func relayed() throws {
    let node = try node()
    node.gossip(message([1]), from: peer)
    #expect(node.delegateCalls.isEmpty && node.core.counters.messagesUnknown == 1)
  }

  @Test("means nothing where peers may be Go's, as a type that nobody knows")
  func goTransport() throws {
    var configuration = SerfCoreConfiguration.quiet
    configuration.hasDelegate = true
    let node = try TestNode(configuration)
    stream(node, message([1]), from: peer)
    #expect(node.core.counters.messagesUnknown == 1 && node.delegateCalls.isEmpty)
  }
}
