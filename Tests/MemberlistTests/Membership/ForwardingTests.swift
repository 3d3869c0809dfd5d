import Memberlist
import SerfPrimitives
import SerfWire
import Testing

@Suite("news that is passed on at once") struct ForwardingTests {
  /// A member that knows `others` more, after all news about them has been told.
  private func subject(others: Int = 49, _ configure: (inout Subject.Setup) -> Void = { _ in }) -> Subject {
    let subject = Subject {
      $0.probe.interval = .zero
      $0.pushPull.interval = .zero
      $0.gossip.forwardedBytesPerSecond = 1_000_000
      configure(&$0)
    }
    for number in 0..<others { subject.alive(NodeName("n\(number)"), 1) }
    subject.pass(.seconds(60))
    subject.sent = []
    return subject
  }

  private func broadcast(_ subject: Subject, _ bytes: [UInt8] = [1, 2, 3], _ tier: BroadcastTier = .event, id: BroadcastID? = nil) {
    subject.input { membership, now in membership.broadcast(bytes.span.bytes, tier: tier, id: id, at: now) }
  }

  @Test("goes to ln n + 2 members with the batch that brought it", arguments: [(1, 1), (2, 2), (10, 5), (49, 6), (200, 8)])
  func atOnce(others: Int, targets: Int) {
    let subject = subject(others: others)
    broadcast(subject)
    #expect(subject.sent.count == targets && Set(subject.sent.map(\.to)).count == targets)
    #expect(subject.sent.allSatisfy { $0.path == .warm && $0.id == nil && $0.checksummed })
    #expect(subject.membership.counters.packetsForwarded >= UInt64(targets))
  }

  @Test("is sent by the rounds of gossip as often as is left, so that each broadcast goes out as often as without")
  func thenTicks() {
    let subject = subject()
    broadcast(subject, id: BroadcastID(5))
    #expect(subject.sent.count == 6 && subject.finished.isEmpty)
    subject.pass(.seconds(5))
    #expect(subject.sent.count == 12 && subject.finished == [BroadcastID(5)])
  }

  @Test("is what a member says of another one, and what this one says of itself")
  func kinds() {
    let subject = subject()
    let own = subject.membership.local.incarnation
    let claims: [(Subject) -> Void] = [
      { $0.suspect("n1", 1, by: "n2") }, { $0.alive("n1", 2) }, { $0.dead("n1", 2, by: "n2") }, { $0.alive("new", 1) },
      { $0.suspect("me", own, by: "n2") },
    ]
    for claim in claims {
      subject.sent = []
      claim(subject)
      #expect(subject.sent.count == 6)
      subject.pass(.seconds(2))
    }
    // A second time it is no news.
    subject.sent = []
    subject.alive("new", 1)
    #expect(subject.sent.isEmpty)
  }

  @Test("is not what a push/pull brings")
  func pushPull() {
    let subject = subject()
    let state = Message.pushPull([Message.Entry(name: "n1"), Message.Entry(name: "stranger")])
    subject.input { membership, now in
      membership.exchangeReceived(ExchangeID(9), message: state.span.bytes, from: Subject.peer("n1"), at: now)
    }
    #expect(subject.membership.member("stranger") != nil && subject.sent.isEmpty)
    subject.pass(.seconds(5))
    #expect(subject.sent.count == 12)
  }

  @Test("can be switched off; then it waits for the next round", arguments: [false, true])
  func off(isGossipOff: Bool) {
    let subject = subject {
      if isGossipOff { $0.gossip.interval = .zero } else { $0.gossip.forwardedBytesPerSecond = 0 }
    }
    broadcast(subject)
    #expect(subject.sent.isEmpty)
    subject.pass(.milliseconds(200))
    #expect(subject.sent.count == (isGossipOff ? 0 : 3))
  }

  @Test("reaches the two neighbours of the member in the ring, whatever else it reaches")
  func neighbours() {
    let subject = subject()
    var counts: [Destination: Int] = [:]
    for number in 0..<100 {
      broadcast(subject, [UInt8(number), 1, 2])
      for sent in subject.sent { counts[sent.to, default: 0] += 1 }
      subject.pass(.seconds(3))
      subject.sent = []
    }
    #expect(counts.values.count { $0 == 100 } == 2)
    #expect(counts.count == 49 && counts.values.allSatisfy { $0 == 100 || $0 < 40 })
  }

  @Test("has other neighbours when one has died, and goes to no member that is dead")
  func deadNeighbour() {
    let subject = subject(others: 8)
    func targets() -> [Set<Destination>] {
      (0..<20).map { number in
        subject.sent = []
        broadcast(subject, [UInt8(number), 7])
        let targets = Set(subject.sent.map(\.to))
        subject.pass(.seconds(3))
        return targets
      }
    }
    let always = targets().reduce(Set((0..<8).map { Destination.member(NodeName("n\($0)"), Subject.address(NodeName("n\($0)"))) })) {
      $0.intersection($1)
    }
    #expect(always.count == 2)
    guard case .member(let neighbour, _)? = always.first else { return }
    subject.dead(neighbour, 1, by: "n1")
    subject.pass(.seconds(3))
    let later = targets()
    #expect(later.allSatisfy { !$0.contains(.member(neighbour, Subject.address(neighbour))) })
    #expect(later.reduce(later[0]) { $0.intersection($1) }.count == 2)
  }

  @Test("costs no handshake where names are proven: only members with a connection get it")
  func onlyWarm() {
    let subject = subject(others: 20) { $0.transport.provesNames = true }
    broadcast(subject)
    #expect(subject.sent.isEmpty)
    for name in ["n3", "n4", "n5"] as [NodeName] { subject.input { membership, _ in membership.setWarm(name, true) } }
    broadcast(subject, [4, 5])
    #expect(Set(subject.sent.map(\.to)) == Set(["n3", "n4", "n5"].map { .member($0, Subject.address($0)) }))
  }

  @Test("travels on connections where names are proven, so the next member in the ring is contacted at once if it has none")
  func connectsNeighbour() throws {
    let subject = subject {
      $0.transport.provesNames = true
      $0.probe.interval = .seconds(10)
      // Nobody answers here, which must not make a probe last longer.
      $0.probe.awarenessMaximum = 1
      // Otherwise it leaves a member alone that has just joined.
      $0.configuration.adaptsToLoad = false
    }
    func setWarm(_ name: NodeName, _ isWarm: Bool) { subject.input { membership, _ in membership.setWarm(name, isWarm) } }
    let names = (0..<49).map { NodeName("n\($0)") }
    for name in names { setWarm(name, true) }
    let neighbours = (0..<20).reduce(Set(names)) { left, number in
      subject.sent = []
      broadcast(subject, [UInt8(number), 9])
      defer { subject.pass(.milliseconds(10)) }
      return left.filter { name in subject.sent.contains { $0.to == .member(name, Subject.address(name)) } }
    }
    try #require(neighbours.count == 2)
    // This node is the next one of the other neighbour, which does the same with it.
    let contacted = neighbours.sorted().filter { name in
      setWarm(name, false)
      subject.sent = []
      subject.pass(.seconds(11))
      defer { setWarm(name, true) }
      return subject.sent.contains { $0.to == .member(name, Subject.address(name)) }
    }
    #expect(contacted.count == 1)
  }

  @Test("fills packets in the order of arrival, and waits where the budget is used up")
  func budget() throws {
    let subject = subject()
    let message = [UInt8](repeating: 7, count: 200)
    // Nine messages of 200 bytes at once for six members: two packets each.
    subject.input { membership, now in
      for number in 0..<9 { membership.broadcast(([UInt8(number)] + message).span.bytes, tier: .event, at: now) }
    }
    #expect(subject.sent.count == 12)
    #expect(subject.sent.first?.messages.count == 6 && subject.sent.last?.messages.count == 3)
    subject.pass(.seconds(10))
    subject.sent = []
    let start = subject.now
    for number in 0..<3_000 {
      var message = message
      (message[0], message[1]) = (UInt8(number & 0xff), UInt8(number >> 8))
      broadcast(subject, message)
    }
    // A burst of 64 KiB for each of six members.
    let burst = subject.sent.reduce(0) { $0 + $1.bytes.count }
    #expect((6 * 64 << 10...6 * 66 << 10).contains(burst))
    subject.pass(.seconds(2))
    let sent = subject.sent.reduce(0) { $0 + $1.bytes.count } - burst
    #expect((1_900_000...2_100_000).contains(sent), "\(sent) bytes in \(subject.now - start)")
    subject.pass(.seconds(20))
    #expect(subject.membership.queueDepth(.event) == 0)
    #expect(subject.membership.counters.broadcastsDropped == 0)
  }

  @Test("goes out slower for a while when the transport holds packets back")
  func heldBack() {
    let subject = subject()
    func bytes(in duration: Duration) -> Int {
      subject.sent = []
      for number in 0..<2_000 { broadcast(subject, [UInt8](repeating: UInt8(number & 0xff), count: 100 + number & 0xff)) }
      subject.pass(duration)
      return subject.sent.reduce(0) { $0 + $1.bytes.count }
    }
    subject.input { membership, now in membership.packetsHeldBack(1_000, at: now) }
    let slow = bytes(in: .milliseconds(100))
    subject.pass(.seconds(30))
    let fast = bytes(in: .milliseconds(100))
    #expect(slow < 100_000 && fast > 400_000, "\(slow) and \(fast)")
    // One peer that takes nothing, of six: in one report, and packet by packet with nothing sent between.
    let sixth = UInt64(subject.sent.count / 6)
    subject.input { membership, now in membership.packetsHeldBack(sixth, at: now) }
    for _ in 0..<8 { subject.input { membership, now in membership.packetsHeldBack(1, at: now) } }
    #expect(subject.membership.counters.forwardingSlowed == 1)
    for _ in 0..<20 { subject.input { membership, now in membership.packetsHeldBack(1, at: now) } }
    #expect(subject.membership.counters.forwardingSlowed > 1)
  }

  @Test("waits for the rounds of gossip where there is no other member")
  func alone() {
    let subject = subject(others: 0)
    broadcast(subject, id: BroadcastID(1))
    subject.pass(.seconds(5))
    #expect(subject.sent.isEmpty && subject.membership.queueDepth(.event) == 1)
    subject.alive("late", 1)
    #expect(subject.sent.count == 1)
    subject.pass(.seconds(5))
    #expect(subject.finished == [BroadcastID(1)])
  }
}
