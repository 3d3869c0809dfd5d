import Memberlist
import SerfCore
import SerfPrimitives
import SerfWire

/// One node without a network: give it messages, and check what it does with them.
///
/// By default the loops of the gossip layer are off, so that nothing happens but what the test does.
final class TestNode {
  private(set) var core: NodeCore
  private(set) var now = Instant.zero
  private(set) var events: [SerfEvent] = []
  /// What happened to members, as the log shows it.
  private(set) var changes: [String] = []
  private(set) var replies: [RequestID: NodeReply] = [:]
  private(set) var diagnostics: [NodeDiagnostic] = []
  /// What came of our own queries.
  private(set) var acks: [NodeName] = []
  private(set) var answers: [String] = []
  private(set) var summaries: [QuerySummary] = []
  /// What it wants to be done with its snapshot file.
  private(set) var orders: [SnapshotOrder] = []
  /// What other members asked to do with the keyring.
  private(set) var keyOperations: [(id: SerfQuery.ID, operation: KeyOperation)] = []
  private(set) var lostVotes: [NameTally] = []
  /// What the program's delegate is told or asked.
  private(set) var delegateCalls: [DelegateCall] = []
  /// How often it wanted to know its seeds.
  private(set) var seedsWanted = 0
  /// User messages that were sent, with their destinations.
  private(set) var sent: [(bytes: [UInt8], to: Destination)] = []
  /// Packets of any kind.
  private(set) var packets: [[UInt8]] = []
  /// Where packets of any kind went.
  private(set) var destinations: [Destination] = []
  /// The sequence numbers of the pings that were sent.
  private(set) var pings: [UInt32] = []
  private var expansion = PacketWalker.Expansion()
  private(set) var opened: [(id: ExchangeID, to: Destination)] = []
  /// The sequence number of the ping that an exchange carries.
  private var reliablePings: [ExchangeID: UInt32] = [:]
  /// The exchanges of others that it ended, with its answers.
  private(set) var ended: [(id: ExchangeID, answer: [UInt8])] = []
  /// The members whose departure the transport heard of, each with the number of events before it.
  private(set) var departed: [(name: NodeName, eventsBefore: Int)] = []

  let peer = Peer(address: NodeAddress(ipv4: 10, 0, 0, 99, port: 7946))

  init(
    _ configuration: SerfCoreConfiguration = .quiet, transport: TransportTraits = .init(), tags: [String: String] = [:],
    restoring restored: RestoredState? = nil
  ) throws {
    core = try NodeCore(
      configuration, transport: transport, name: "me", address: NodeAddress(ipv4: 10, 0, 0, 1, port: 7946), tags: tags, restoring: restored,
      seed: 1)
    core.start(at: now)
    drain()
  }

  struct NoReply: Error {}

  // MARK: Inputs

  /// Calls a verb or input, and drains.
  func with<Result>(_ body: (inout NodeCore, Instant) throws(SerfCoreError) -> Result) throws(SerfCoreError) -> Result {
    let result = try body(&core, now)
    drain()
    return result
  }

  /// Calls a verb or input that makes no mistakes, and drains.
  func feed(_ body: (inout NodeCore, Instant) -> Void) {
    body(&core, now)
    drain()
  }

  func advance(by duration: Duration) {
    // In steps, at the times when a driver would wake up.
    let end = now + duration
    while let deadline = core.nextDeadline, deadline <= end {
      now = max(now, deadline)
      core.advance(to: now)
      drain()
    }
    now = end
    core.advance(to: now)
    drain()
  }

  /// The timer fires late by this delay.
  func wake(late delay: Duration) {
    guard let due = core.nextDeadline else { return }
    now = max(now, due + delay)
    core.advance(to: now)
    drain()
  }

  func receive(_ packet: [UInt8], from peer: Peer? = nil) {
    core.receive(packet.span.bytes, from: peer ?? self.peer, at: now)
    drain()
  }

  /// A Serf message arrives on a stream.
  func stream(_ message: [UInt8], as exchange: ExchangeID = ExchangeID(1 << 63), from peer: Peer) {
    let request = Self.userMessage(message)
    core.exchangeReceived(exchange, message: request.span.bytes, from: peer, at: now)
    drain()
  }

  /// Our exchange is answered with a Serf message, or with nothing.
  func answer(_ exchange: ExchangeID, _ message: [UInt8]?, from peer: Peer) {
    let reply = message.map { Self.userMessage($0) } ?? []
    core.exchangeCompleted(exchange, reply: reply.span.bytes, from: peer, at: now)
    drain()
  }

  private static func userMessage(_ message: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    UserMessageHeader(length: message.count).encode(into: &bytes)
    return bytes + message
  }

  /// A Serf message arrives by gossip.
  func gossip(_ message: [UInt8], from peer: Peer? = nil) { receive([MessageType.user.rawValue] + message, from: peer) }

  func joinIntent(_ node: NodeName, at time: LamportTime) { gossip(.join(node, at: time)) }

  func leaveIntent(_ node: NodeName, at time: LamportTime, prunes: Bool = false) { gossip(.leave(node, at: time, prunes: prunes)) }

  /// The gossip layer hears that a member is alive.
  func meet(_ node: NodeName, incarnation: UInt32 = 1, port: UInt16 = 7946, tags: [String: String] = [:], from peer: Peer? = nil) {
    var packet: [UInt8] = []
    Alive(
      incarnation: incarnation, node: node.bytes.span.bytes, address: NodeAddress(ipv4: 10, 0, 1, node.bytes[0], port: port),
      meta: TagMap.encode(meta: tags).span.bytes, versions: .current
    ).encode(into: &packet)
    receive(packet, from: peer)
  }

  /// The gossip layer hears that a member is dead.
  func lose(_ node: NodeName, incarnation: UInt32 = 1) {
    var packet: [UInt8] = []
    Dead(incarnation: incarnation, node: node.bytes.span.bytes, from: NodeName("accuser").bytes.span.bytes).encode(into: &packet)
    receive(packet)
  }

  /// A push/pull of another member arrives, with this Serf state.
  func pushPull(state: [UInt8], isJoin: Bool = false, from peer: Peer? = nil) {
    let request = Self.pushPullMessage(state: state, isJoin: isJoin)
    core.exchangeReceived(ExchangeID(1 << 63), message: request.span.bytes, from: peer ?? self.peer, at: now)
    drain()
  }

  /// A push/pull of a node that lists itself alone, or no node.
  static func pushPullMessage(state: [UInt8], isJoin: Bool, of node: (name: NodeName, address: NodeAddress)? = nil) -> [UInt8] {
    var message: [UInt8] = []
    PushPullHeader(isJoin: isJoin, nodeCount: node == nil ? 0 : 1, userStateLength: state.count).encode(into: &message)
    if let node {
      PushPullNode(name: node.name.bytes.span.bytes, address: node.address, meta: nil, incarnation: 1, state: 0, versions: .current)
        .encode(into: &message)
    }
    return message + state
  }

  /// The node that was pinged in this exchange has the name that it was asked for.
  func acknowledge(_ id: ExchangeID) throws {
    guard let number = reliablePings[id] else { throw NoReply() }
    var reply: [UInt8] = []
    Ack(sequenceNumber: number, payload: nil).encode(into: &reply)
    feed { core, now in core.exchangeCompleted(id, reply: reply.span.bytes, from: self.peer, at: now) }
  }

  private func drain() {
    while let output = core.nextOutput() {
      switch output {
      case .transport(let order): perform(order)
      case .event(let event): events.append(event)
      case .memberChanged(let kind, let member): changes.append("\(kind) \(member.name)")
      case .reply(let id, let reply): replies[id] = reply
      case .diagnostic(let diagnostic): diagnostics.append(diagnostic)
      case .queryAcknowledged(_, let member): acks.append(member)
      case .queryAnswered(_, let answer): answers.append("\(answer.from): \(answer.payload.string)")
      case .queryEnded(_, let summary): summaries.append(summary)
      case .snapshot(let order): orders.append(order)
      case .keyOperation(let id, let operation, _): keyOperations.append((id, operation))
      case .nameLost(_, let tally): lostVotes.append(tally)
      case .delegate(let call): delegateCalls.append(call)
      case .seedsWanted: seedsWanted += 1
      case .joinAnswered, .roundTrip: break
      }
    }
  }

  private func perform(_ order: TransportOrder) {
    switch order {
    case .send(let slot, let destination, _, _, _):
      destinations.append(destination)
      let packet = [UInt8](copying: core.bytes(slot))
      packets.append(packet)
      notePings(packet)
      if packet.first == MessageType.user.rawValue { sent.append((Array(packet.dropFirst()), destination)) }
    case .open(let id, let destination, _, _, let content):
      opened.append((id, destination))
      guard case .bytes(let slot) = content else { break }
      let bytes = [UInt8](copying: core.bytes(slot))
      if bytes.first == MessageType.ping.rawValue {
        reliablePings[id] = try? Ping(decoding: bytes.span.bytes.extracting(droppingFirst: 1)).sequenceNumber
      }
    case .departed(let name): departed.append((name, events.count))
    case .respond(let id, .bytes(let slot)): ended.append((id, [UInt8](copying: core.bytes(slot))))
    case .finish(let id): ended.append((id, []))
    case .respond, .refuse, .close, .forget: break
    }
  }

  /// Gossip may be in the packet as well.
  private func notePings(_ packet: [UInt8]) {
    var walker = PacketWalker(packet.span.bytes, using: &expansion, budget: 1 << 16)
    while let leaf = walker.next() {
      if leaf.type == .ping, let ping = try? Ping(decoding: leaf.body) { pings.append(ping.sequenceNumber) }
    }
    expansion = walker.finish()
  }

  // MARK: Results

  /// The limits that were said to be reached.
  var limits: [NodeLimit] {
    diagnostics.compactMap { if case .limitReached(let limit) = $0 { limit } else { nil } }
  }

  func status(_ node: NodeName) -> MemberStatus? { core.members.first { $0.name == node }?.status }

  /// Member events as "join a", without this node's own join at the start.
  var memberEvents: [String] {
    events.compactMap {
      guard case .member(let event) = $0 else { return nil }
      return event.members.map { "\(event.kind) \($0.name)".replacing("member-", with: "") }.joined(separator: ",")
    }.filter { $0 != "join me" }
  }

  var userEvents: [UserEvent] {
    events.compactMap { if case .user(let event) = $0 { event } else { nil } }
  }

  var queries: [SerfQuery] {
    events.compactMap { if case .query(let query) = $0 { query } else { nil } }
  }

  /// How many intents wait to be gossiped.
  var queuedIntents: Int { core.statistics.intentQueue }

  /// Serf's part of what this node would send in a push/pull.
  func state(for name: NodeName? = nil) -> [UInt8] {
    var message: [UInt8] = []
    core.encodePushPull(isJoin: false, with: name, into: &message)
    guard let exchange = try? PushPull(decoding: message.span.bytes) else { return [] }
    return [UInt8](copying: exchange.userState)
  }
}

extension SerfCoreConfiguration {
  /// Only Serf's own loops run by themselves.
  static var quiet: SerfCoreConfiguration {
    var configuration = SerfCoreConfiguration.lan
    configuration.membership.probe.interval = .zero
    configuration.membership.gossip.interval = .zero
    configuration.membership.pushPull.interval = .zero
    return configuration
  }
}

extension [UInt8] {
  static func join(_ node: NodeName, at time: LamportTime) -> [UInt8] {
    var bytes: [UInt8] = []
    JoinMessage(time: time, node: node.bytes.span.bytes).encode(into: &bytes)
    return bytes
  }

  static func leave(_ node: NodeName, at time: LamportTime, prunes: Bool = false) -> [UInt8] {
    var bytes: [UInt8] = []
    LeaveMessage(time: time, node: node.bytes.span.bytes, prunes: prunes).encode(into: &bytes)
    return bytes
  }

  static func userEvent(_ name: String, _ payload: [UInt8] = [], at time: LamportTime, coalesce: Bool = false) -> [UInt8] {
    var bytes: [UInt8] = []
    let name = Array<UInt8>(name.utf8)
    UserEventMessage(time: time, name: name.span.bytes, payload: payload.span.bytes, coalesce: coalesce).encode(into: &bytes)
    return bytes
  }

  /// A query of the member `asker`.
  static func query(
    _ id: UInt32, at time: LamportTime, flags: QueryMessage.Flags = [], name: String = "uptime", filters: [UInt8] = [],
    payload: [UInt8] = [], relayFactor: UInt8 = 0, timeout: Duration = .seconds(1),
    source: NodeAddress? = NodeAddress(ipv4: 10, 0, 0, 9, port: 1)
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    let (name, asker) = (Array<UInt8>(name.utf8), Array<UInt8>("asker".utf8))
    QueryMessage(
      time: time, id: id, source: source, sourceNode: asker.span.bytes, filters: filters.span.bytes, flags: flags, relayFactor: relayFactor,
      timeoutNanoseconds: timeout.nanoseconds, name: name.span.bytes, payload: payload.span.bytes
    ).encode(into: &bytes)
    return bytes
  }

  /// An answer of the member `from`, or its ack.
  static func response(_ id: SerfQuery.ID, from: NodeName, _ payload: String?) -> [UInt8] {
    var bytes: [UInt8] = []
    let payload = payload.map { Array<UInt8>($0.utf8) }
    let from = from.bytes
    if let payload {
      QueryResponseMessage(time: id.time, id: id.number, from: from.span.bytes, flags: 0, payload: payload.span.bytes).encode(into: &bytes)
    } else {
      QueryResponseMessage(time: id.time, id: id.number, from: from.span.bytes, flags: 1, payload: nil).encode(into: &bytes)
    }
    return bytes
  }
}
