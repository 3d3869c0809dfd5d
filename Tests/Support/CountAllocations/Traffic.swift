import Memberlist
import SerfCore
import SerfPrimitives
import SerfWire

/// What the other 49 members of a cluster at work send to one: a probe and an ack a second, and gossip, most of which repeats what is known.
///
/// News comes once in about 20 packets: a user event, a query, an answer to our own query, a suspicion and its end. Each piece of news goes on to be
/// repeated in the gossip that follows.
struct Traffic {
  /// What a packet is, in the table of results.
  enum Kind: String, CaseIterable {
    case ping, ack
    case gossip
    case compressedGossip = "gossip, compressed"
    case indirectPing = "indirect ping"
    case answerRepeated = "answer to our query, repeated"
    case event = "new user event"
    case query = "new query"
    case answer = "new answer to our query"
    case suspicion = "new suspicion"
    case confirmation = "second voice of a suspicion"
    case refutation
    case intent = "new intent"

    /// Whether the node hands it to the application, or has to remember it.
    var isNews: Bool { self == .event || self == .query || self == .answer || self == .suspicion }
  }

  struct Packet {
    var kind: Kind
    var bytes: [UInt8]
    var sender: Int
  }

  let members: [Peer]
  private var random = SeededRandom(seed: 7)
  private var expansion = PacketWalker.Expansion()
  private var codec = LZWCodec()
  /// The latest messages, whole, which gossip repeats.
  private var recent: [[UInt8]] = []
  private var incarnations: [UInt32]
  /// The member that is accused now, and how many packets ago that began.
  private var accused: (member: Int, age: Int)?
  private var eventTime: LamportTime = 10
  private var queryTime: LamportTime = 10
  private var memberTime: LamportTime = 10
  private var openQuery: (id: SerfQuery.ID, answers: Int)?
  /// Acks that are due for pings of the node.
  private var owed: [Packet] = []
  private var sequenceNumber: UInt32 = 1 << 20

  init(provesNames: Bool) {
    members = (0..<50).map { number in
      let address = NodeAddress(ipv4: 10, 0, 0, UInt8(number + 1), port: 7946)
      let name = NodeName("node-\(number)")
      return Peer(address: address, connection: provesNames ? ConnectionID(UInt64(number)) : nil, provenName: provesNames ? name : nil)
    }
    incarnations = Array(repeating: 1, count: 50)
  }

  static func name(_ member: Int) -> NodeName { NodeName("node-\(member)") }

  // MARK: Packets

  /// What a member says first of itself.
  func announcement(of member: Int) -> [UInt8] { alive(member) }

  /// The answers to the pings among what was sent.
  mutating func answer(_ sent: [SteadyNode.Sent], _ wire: [UInt8]) {
    for packet in sent {
      guard let name = packet.destination.expectedName, let member = (0..<50).first(where: { Self.name($0) == name }) else { continue }
      var walker = PacketWalker(wire.span.bytes.extracting(packet.bytes), using: &expansion)
      var pings: [UInt32] = []
      while let leaf = walker.next() {
        if leaf.type == .ping, let ping = try? Ping(decoding: leaf.body) { pings.append(ping.sequenceNumber) }
      }
      expansion = walker.finish()
      for ping in pings { owed.append(Packet(kind: .ack, bytes: beside(ack(ping)), sender: member)) }
    }
  }

  /// Whether a ping waits for its ack.
  var owesAck: Bool { !owed.isEmpty }

  mutating func asked(_ id: SerfQuery.ID) { openQuery = (id, 0) }

  mutating func next() -> Packet {
    if let ack = owed.popLast() { return ack }
    if let news = nextNews() { return news }
    let sender = 1 + random.below(49)
    switch random.below(32) {
    case 0, 1: return Packet(kind: .ping, bytes: beside(ping(from: sender)), sender: sender)
    case 2:
      guard let openQuery, openQuery.answers > 0 else { break }
      let member = 1 + random.below(openQuery.answers)
      return Packet(kind: .answerRepeated, bytes: response(from: member), sender: member)
    case 3...6: return Packet(kind: .compressedGossip, bytes: compressed(gossip()), sender: sender)
    case 7 where random.below(8) == 0:
      return Packet(kind: .indirectPing, bytes: indirectPing(from: sender, to: sender % 49 + 1), sender: sender)
    default: break
    }
    return Packet(kind: .gossip, bytes: gossip(), sender: sender)
  }

  /// Each member announces itself again, twice, and sends two events.
  mutating func burst() -> [Packet] {
    (1..<50).flatMap { member in
      incarnations[member] += 1
      return [
        news(.refutation, alive(member), from: member), news(.intent, intent(about: member), from: member),
        news(.event, event(), from: member), news(.event, event(), from: member),
      ]
    }
  }

  private mutating func nextNews() -> Packet? {
    let sender = 1 + random.below(49)
    if let accused, accused.age > 40 {
      incarnations[accused.member] += 1
      self.accused = nil
      return news(.refutation, alive(accused.member), from: accused.member)
    }
    accused?.age += 1
    if let accused, accused.age == 10 {
      return news(.confirmation, accusation(of: accused.member, by: accused.member % 49 + 1), from: sender)
    }
    switch random.below(256) {
    case 0...7:
      return news(.event, event(), from: sender)
    case 8:
      queryTime += 1
      return news(.query, query(from: sender), from: sender)
    case 9:
      guard accused == nil else { return nil }
      let member = 1 + random.below(49)
      accused = (member, 0)
      return news(.suspicion, accusation(of: member, by: sender), from: sender)
    case 10:
      guard let query = openQuery, query.answers < 30 else { return nil }
      openQuery?.answers += 1
      return Packet(kind: .answer, bytes: response(from: query.answers + 1), sender: query.answers + 1)
    case 11:
      return news(.intent, intent(about: sender), from: sender)
    default: return nil
    }
  }

  private mutating func news(_ kind: Kind, _ message: [UInt8], from sender: Int) -> Packet {
    recent.append(message)
    if recent.count > 12 { recent.removeFirst() }
    return Packet(kind: kind, bytes: message, sender: sender)
  }

  // MARK: Messages

  /// A compound of what was said lately.
  private mutating func gossip() -> [UInt8] {
    guard !recent.isEmpty else { return alive(1 + random.below(49)) }
    var compound = CompoundWriter()
    for _ in 0..<1 + random.below(6) { add(recent[random.below(recent.count)], to: &compound) }
    var packet: [UInt8] = []
    compound.finish(into: &packet)
    return packet
  }

  /// A message with gossip beside it.
  private mutating func beside(_ message: [UInt8]) -> [UInt8] {
    var compound = CompoundWriter()
    compound.add(message.span.bytes)
    for _ in 0..<min(recent.count, random.below(4)) { add(recent[random.below(recent.count)], to: &compound) }
    var packet: [UInt8] = []
    compound.finish(into: &packet)
    return packet
  }

  private func add(_ message: [UInt8], to compound: inout CompoundWriter) { compound.add(message.span.bytes) }

  private mutating func compressed(_ packet: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    codec.compress(packet.span.bytes, into: &bytes, onlyIfSmaller: false)
    return bytes
  }

  private mutating func ping(from member: Int) -> [UInt8] {
    sequenceNumber += 1
    let asked = Self.name(0)
    let asking = Self.name(member)
    var bytes: [UInt8] = []
    Ping(
      sequenceNumber: sequenceNumber, node: asked.bytes.span.bytes, source: members[member].address, sourceNode: asking.bytes.span.bytes
    ).encode(into: &bytes)
    return bytes
  }

  private mutating func indirectPing(from member: Int, to target: Int) -> [UInt8] {
    sequenceNumber += 1
    let asked = Self.name(target)
    let asking = Self.name(member)
    var bytes: [UInt8] = []
    IndirectPing(
      sequenceNumber: sequenceNumber, node: asked.bytes.span.bytes, target: members[target].address, wantsNack: true,
      source: members[member].address, sourceNode: asking.bytes.span.bytes
    ).encode(into: &bytes)
    return bytes
  }

  private mutating func ack(_ sequenceNumber: UInt32) -> [UInt8] {
    var vector = InlineArray<8, Double>(repeating: 0)
    for index in vector.indices { vector[index] = Double(random.below(1000)) / 1e6 }
    var payload: [UInt8] = []
    if let coordinate = NodeCoordinate(vector: vector, height: 1e-4, adjustment: 0, error: 0.5) {
      CoordinateMessage(coordinate).encode(into: &payload)
    }
    var bytes: [UInt8] = []
    Ack(sequenceNumber: sequenceNumber, payload: payload.span.bytes).encode(into: &bytes)
    return bytes
  }

  private func alive(_ member: Int) -> [UInt8] {
    let (name, meta) = (Self.name(member), TagMap.encode(meta: ["role": "web", "zone": "b"]))
    var bytes: [UInt8] = []
    Alive(
      incarnation: incarnations[member], node: name.bytes.span.bytes, address: members[member].address, meta: meta.span.bytes,
      versions: .current
    ).encode(into: &bytes)
    return bytes
  }

  private func accusation(of member: Int, by accuser: Int) -> [UInt8] {
    let (name, accuser) = (Self.name(member), Self.name(accuser))
    var bytes: [UInt8] = []
    Suspect(incarnation: incarnations[member], node: name.bytes.span.bytes, from: accuser.bytes.span.bytes).encode(into: &bytes)
    return bytes
  }

  private func user(_ encode: (RawSpan, RawSpan, inout [UInt8]) -> Void) -> [UInt8] {
    let (name, payload) = (Array("deploy".utf8), [UInt8](repeating: 0x61, count: 64))
    var bytes = [MessageType.user.rawValue]
    encode(name.span.bytes, payload.span.bytes, &bytes)
    return bytes
  }

  mutating func event() -> [UInt8] {
    eventTime += 1
    return user { UserEventMessage(time: eventTime, name: $0, payload: $1, coalesce: false).encode(into: &$2) }
  }

  private mutating func query(from member: Int) -> [UInt8] {
    let (time, id, source, name) = (queryTime, UInt32(random.below(1 << 30)), members[member].address, Self.name(member))
    return user {
      QueryMessage(
        time: time, id: id, source: source, sourceNode: name.bytes.span.bytes, filters: RawSpan(), flags: .wantsAck,
        relayFactor: 0, timeoutNanoseconds: 15_000_000_000, name: $0, payload: $1
      ).encode(into: &$2)
    }
  }

  private func response(from member: Int) -> [UInt8] {
    guard let id = openQuery?.id else { return [] }
    let name = Self.name(member)
    return user {
      QueryResponseMessage(time: id.time, id: id.number, from: name.bytes.span.bytes, flags: 0, payload: $1).encode(into: &$2)
    }
  }

  private mutating func intent(about member: Int) -> [UInt8] {
    memberTime += 1
    let name = Self.name(member)
    return user { _, _, bytes in JoinMessage(time: memberTime, node: name.bytes.span.bytes).encode(into: &bytes) }
  }
}
