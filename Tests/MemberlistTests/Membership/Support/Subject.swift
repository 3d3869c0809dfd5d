import Memberlist
import SerfPrimitives
import SerfWire
import Testing

/// One membership whose inputs a test makes by hand and whose outputs it reads.
///
/// Its name is `me`, its address 10.0.0.1. Other members are at addresses that follow from their names.
final class Subject {
  struct Sent {
    let bytes: [UInt8]
    let to: Destination
    let path: SendPath
    let id: PacketID?
    let checksummed: Bool

    /// The messages in the packet, as ``Subject/describe(_:)`` shows them.
    var messages: [String] { Subject.describe(bytes) }
  }

  struct Opened {
    let id: ExchangeID
    let to: Destination
    let path: SendPath
    let deadline: Instant
    let bytes: [UInt8]
    let isPushPull: Bool
  }

  var membership: Membership
  var now = Instant.zero + .seconds(100)
  var sent: [Sent] = []
  var opened: [Opened] = []
  var answers: [(id: ExchangeID, bytes: [UInt8])] = []
  var refused: [RefusalReason] = []
  var closed: [(peer: Peer, reason: CloseReason)] = []
  /// The members whose departure the transport heard of, each with the number of events before it.
  var departed: [(name: NodeName, eventsBefore: Int)] = []
  var forgotten: [NodeName] = []
  var userMessages: [[UInt8]] = []
  var userStates: [(bytes: [UInt8], isJoin: Bool, join: JoinID?)] = []
  /// Member events as short sentences.
  var events: [String] = []
  var finished: [BroadcastID] = []
  var joinAnswers: [JoinAnswer] = []
  var joins: [(id: JoinID, results: [JoinResult])] = []
  var departures: [Bool] = []
  var acks: [(name: NodeName, roundTrip: Duration?, payload: [UInt8])] = []
  var pings: [(id: PingID, result: PingResult)] = []
  var limits: [MembershipLimit] = []
  var nameRefusals = 0
  private let namesAreProven: Bool
  private var strangers = 0

  /// What a test can change before the member exists: the settings by their own names, and ``transport``.
  @dynamicMemberLookup
  struct Setup {
    var configuration = MembershipConfiguration.lan
    var transport = TransportTraits()

    subscript<Value>(dynamicMember path: WritableKeyPath<MembershipConfiguration, Value>) -> Value {
      get { configuration[keyPath: path] }
      set { configuration[keyPath: path] = newValue }
    }
  }

  /// A started member; loops run only when the test advances. News waits for a round of gossip, unless the test switches that on.
  init(_ configure: (inout Setup) -> Void = { _ in }, meta: [UInt8] = [], versions: ProtocolVersions = .current) {
    var setup = Setup()
    setup.gossip.forwardedBytesPerSecond = 0
    configure(&setup)
    namesAreProven = setup.transport.provesNames
    membership = Membership(
      setup.configuration, transport: setup.transport,
      local: GossipMember(name: "me", address: Self.address("me"), meta: meta, versions: versions), seed: 42)
    membership.start(at: now)
    drain()
    events = []
  }

  static func address(_ name: NodeName) -> NodeAddress {
    name == "me" ? NodeAddress(ipv4: 10, 0, 0, 1, port: 7946) : NodeAddress(ipv4: 10, 0, 1, name.bytes.reduce(0, &+), port: 7946)
  }

  /// A peer that proves its name, on connection 1 + the sum of its name's bytes.
  static func proven(_ name: NodeName, connection: UInt64? = nil) -> Peer {
    Peer(
      address: address(name), connection: ConnectionID(connection ?? UInt64(name.bytes.reduce(0, &+))), provenName: name)
  }

  static func peer(_ name: NodeName) -> Peer { Peer(address: address(name)) }

  /// The sender of a message, if the test does not name one.
  func defaultPeer(_ name: NodeName) -> Peer { namesAreProven ? Self.proven(name) : Self.peer(name) }

  // MARK: Inputs

  func input(_ body: (inout Membership, Instant) -> Void) {
    body(&membership, now)
    drain()
  }

  func receive(_ bytes: [UInt8], from peer: Peer) { input { $0.receive(bytes.span.bytes, from: peer, at: $1) } }

  /// Lets time pass, and does what is due on the way.
  func pass(_ duration: Duration) {
    let end = now + duration
    while let next = membership.nextDeadline, next <= end {
      now = max(now, next)
      input { $0.advance(to: $1) }
    }
    now = end
  }

  /// Lets time pass until something was sent that matches.
  @discardableResult
  func pass(untilSent matches: (Sent) -> Bool, limit: Duration = .seconds(60)) -> Sent? {
    let end = now + limit
    var seen = sent.count
    while let next = membership.nextDeadline, next <= end {
      now = max(now, next)
      input { $0.advance(to: $1) }
      while seen < sent.count {
        if matches(sent[seen]) { return sent[seen] }
        seen += 1
      }
    }
    return nil
  }

  func drain() {
    while let output = membership.nextOutput() {
      switch output {
      case .transport(let order): perform(order)
      case .userMessage(let slot, _, _): userMessages.append(copy(slot))
      case .userState(let slot, let isJoin, _, let join, _): userStates.append((copy(slot), isJoin, join))
      case .joined(let member): events.append("\(member.name) joined")
      case .updated(let member): events.append("\(member.name) updated")
      case .left(let member): events.append("\(member.name) \(member.state)")
      case .conflict(let existing, let claimant): events.append("\(existing.name) conflict \(claimant.address)")
      case .nameRefused: nameRefusals += 1
      case .broadcastFinished(let id): finished.append(id)
      case .joinAnswered(_, let answer): joinAnswers.append(answer)
      case .joinFinished(let id, let results): joins.append((id, results))
      case .leaveFinished(let isComplete): departures.append(isComplete)
      case .ackReceived(let name, let roundTrip, let slot): acks.append((name, roundTrip, copy(slot)))
      case .pingFinished(let id, let result): pings.append((id, result))
      case .userMessageFinished: break
      case .diagnostic(let diagnostic): if case .limitReached(let limit) = diagnostic { limits.append(limit) }
      }
    }
  }

  private func perform(_ order: TransportOrder) {
    switch order {
    case .send(let slot, let to, let path, let id, let checksummed):
      sent.append(Sent(bytes: copy(slot), to: to, path: path, id: id, checksummed: checksummed))
    case .open(let id, let to, let path, let deadline, let content):
      var isPushPull = false
      if case .pushPull = content { isPushPull = true }
      opened.append(Opened(id: id, to: to, path: path, deadline: deadline, bytes: copy(content), isPushPull: isPushPull))
    case .respond(let id, let content): answers.append((id, copy(content)))
    case .finish(let id): answers.append((id, []))
    case .refuse(_, let reason): refused.append(reason)
    case .close(let peer, let reason): closed.append((peer, reason))
    case .departed(let name): departed.append((name, events.count))
    case .forget(let name): forgotten.append(name)
    }
  }

  private func copy(_ slot: PacketSlot) -> [UInt8] { Self.copy(slot, of: membership) }

  private static func copy(_ slot: PacketSlot, of membership: borrowing Membership) -> [UInt8] {
    [UInt8](copying: membership.bytes(slot))
  }

  private func copy(_ content: ExchangeContent) -> [UInt8] {
    switch content {
    case .bytes(let slot): return copy(slot)
    case .pushPull(let isJoin, _):
      var bytes: [UInt8] = []
      membership.encodePushPull(isJoin: isJoin, userState: RawSpan(), into: &bytes)
      return bytes
    }
  }

  // MARK: Its state

  func member(_ name: NodeName) -> GossipMember? { membership.member(name) }
  func state(_ name: NodeName) -> MemberState? { member(name)?.state }
  func incarnation(_ name: NodeName) -> UInt32? { member(name)?.incarnation }
  var counters: MembershipCounters { membership.counters }
  var nextDeadline: Instant? { membership.nextDeadline }
  var score: Int { membership.healthScore }

  /// The updates that wait to be spread: a ping makes the node send them back.
  func news() -> [String] {
    strangers += 1
    let before = sent.count
    receive(Message.ping(UInt32(900_000 + strangers), to: "me"), from: defaultPeer("stranger"))
    return sent[before...].flatMap(\.messages).filter { !$0.hasPrefix("ack") }.sorted()
  }

  /// The messages in a packet: `alive b 2`, `suspect b 1 by a`, `ping b 7`, `ack 7`, `user 3 bytes`, …
  static func describe(_ packet: [UInt8]) -> [String] {
    var expansion = PacketWalker.Expansion()
    var walker = PacketWalker(packet.span.bytes, using: &expansion)
    var texts: [String] = []
    while let leaf = walker.next() {
      do throws(WireError) { texts.append(try describe(leaf.type, leaf.body)) } catch { texts.append("unreadable \(leaf.type)") }
    }
    return texts
  }

  private static func describe(_ type: MessageType, _ body: RawSpan) throws(WireError) -> String {
    func text(_ span: RawSpan) -> String { NodeName(bytes: [UInt8](copying: span)).description }
    switch type {
    case .ping:
      let ping = try Ping(decoding: body)
      return "ping \(text(ping.node)) \(ping.sequenceNumber)"
    case .indirectPing:
      let ping = try IndirectPing(decoding: body)
      return "indirect ping \(text(ping.node)) \(ping.sequenceNumber)\(ping.wantsNack ? " nack" : "")"
    case .ack: return "ack \(try Ack(decoding: body).sequenceNumber)"
    case .nack: return "nack \(try Nack(decoding: body).sequenceNumber)"
    case .alive:
      let alive = try Alive(decoding: body)
      return "alive \(text(alive.node)) \(alive.incarnation)"
    case .suspect:
      let suspect = try Suspect(decoding: body)
      return "suspect \(text(suspect.node)) \(suspect.incarnation) by \(text(suspect.from))"
    case .dead:
      let dead = try Dead(decoding: body)
      return dead.isLeave
        ? "left \(text(dead.node)) \(dead.incarnation)" : "dead \(text(dead.node)) \(dead.incarnation) by \(text(dead.from))"
    case .user: return "user \(body.byteCount) bytes"
    default: return "\(type)"
    }
  }
}
