import Memberlist
import SerfPrimitives
import SerfWire
import Testing

private let elsewhere = NodeAddress(ipv4: 10, 9, 9, 9, port: 7946)

@Suite struct AliveTests {
  @Test("a started member lists itself at incarnation 1, with its six versions")
  func start() throws {
    let subject = Subject(meta: [7])
    let me = try #require(subject.member("me"))
    #expect(me.state == .alive && me.incarnation == 1 && me.meta == [7] && me.versions == .current)
    #expect(subject.membership.liveCount == 1)
    #expect(subject.news() == ["alive me 1"])
  }

  @Test("a new member is listed, told and relayed")
  func new() {
    let subject = Subject()
    subject.alive("a", 3, meta: [1, 2])
    #expect(subject.state("a") == .alive)
    #expect(subject.member("a")?.meta == [1, 2])
    #expect(subject.events == ["a joined"])
    #expect(subject.news() == ["alive a 3", "alive me 1"])
  }

  @Test("an alive of incarnation 0 about a stranger leaves no trace")
  func zero() {
    let subject = Subject()
    subject.alive("a", 0)
    #expect(subject.membership.count == 1)
    #expect(subject.events.isEmpty)
  }

  @Test("a suspect is revived by a higher incarnation only, and that is no join")
  func suspect() {
    let subject = Subject()
    subject.alive("a")
    subject.suspect("a", 1, by: "b")
    subject.events = []
    subject.alive("a", 1)
    #expect(subject.state("a") == .suspect)
    subject.alive("a", 2)
    #expect(subject.state("a") == .alive)
    #expect(subject.events.isEmpty)
    #expect(subject.news() == ["alive a 2", "alive me 1"])
    // Longer than the suspicion among two nodes, but shorter than one from our own probe would need.
    subject.pass(.milliseconds(4_100))
    #expect(!subject.events.contains("a dead"), "the suspicion is over")
  }

  @Test("a higher incarnation of an alive member changes no state, and replaces the queued news")
  func idempotent() {
    let subject = Subject()
    subject.alive("a", 1)
    let changedAt = subject.membership.table[subject.membership.table.find("a")!].changedAt
    subject.pass(.milliseconds(1))
    subject.alive("a", 2)
    #expect(subject.membership.table[subject.membership.table.find("a")!].changedAt == changedAt)
    #expect(subject.events == ["a joined"])
    #expect(subject.membership.queueDepth(.membership) == 2)
    #expect(subject.news() == ["alive a 2", "alive me 1"])
  }

  @Test("the same alive again is not news")
  func repeated() {
    let subject = Subject()
    subject.alive("a", 2)
    _ = subject.news()
    let depth = subject.membership.queueDepth(.membership)
    subject.alive("a", 2)
    subject.alive("a", 1)
    #expect(subject.membership.queueDepth(.membership) == depth)
    #expect(subject.incarnation("a") == 2)
  }

  @Test("changed meta or versions are an update")
  func update() {
    let subject = Subject()
    subject.alive("a", 1, meta: [1])
    subject.alive("a", 2, meta: [2])
    var versions = ProtocolVersions.current
    versions.delegateCurrent = 4
    subject.alive("a", 3, meta: [2], versions: versions)
    subject.alive("a", 4, meta: [2], versions: versions)
    #expect(subject.events == ["a joined", "a updated", "a updated"])
  }

  @Test("a dead member that refutes has joined again")
  func deadAgain() {
    let subject = Subject()
    subject.alive("a", 1)
    subject.dead("a", 1, by: "b")
    subject.alive("a", 1)
    #expect(subject.state("a") == .dead, "an equal incarnation never revives")
    subject.alive("a", 2)
    #expect(subject.events == ["a joined", "a dead", "a joined"])
  }

  @Test("a claim about this node that it did not make is refuted, and its own meta stays", arguments: [1, 5] as [UInt32])
  func refute(incarnation: UInt32) {
    let subject = Subject(meta: [1])
    subject.alive("me", incarnation, meta: [2], from: Subject.peer("b"))
    #expect(subject.membership.local.meta == [1])
    #expect(subject.incarnation("me") == incarnation + 1)
    #expect(subject.score == 1)
    #expect(subject.news() == ["alive me \(incarnation + 1)"])
  }

  @Test("our own announcements coming back are not refuted, nor are outdated claims")
  func echo() {
    let subject = Subject(meta: [1])
    subject.alive("me", 1, meta: [1], from: Subject.peer("b"))
    subject.alive("me", 0, meta: [2], from: Subject.peer("b"))
    #expect(subject.incarnation("me") == 1)
    #expect(subject.score == 0)
  }

  @Test("another address for a live member is a conflict, whatever the incarnation")
  func conflict() {
    let subject = Subject()
    subject.alive("a", 1)
    subject.alive("a", 9, address: elsewhere)
    #expect(subject.member("a")?.address == Subject.address("a"))
    #expect(subject.incarnation("a") == 1)
    #expect(subject.events == ["a joined", "a conflict 10.9.9.9:7946"])
    subject.suspect("a", 1, by: "b")
    subject.alive("a", 9, address: elsewhere)
    #expect(subject.counters.conflicts == 2)
  }

  @Test("our own name at another address is a conflict for the layer above, and not refuted")
  func ownConflict() {
    let subject = Subject()
    subject.alive("me", 9, address: elsewhere, from: Subject.peer("b"))
    #expect(subject.events == ["me conflict 10.9.9.9:7946"])
    #expect(subject.incarnation("me") == 1)
  }

  @Test("a dead member's name can be taken after the reclaim time, but not earlier")
  func reclaim() {
    let subject = Subject { $0.deadNodeReclaimTime = .seconds(10) }
    subject.alive("a", 5)
    subject.dead("a", 5, by: "b")
    subject.now += .seconds(10)
    subject.alive("a", 1, address: elsewhere)
    #expect(subject.state("a") == .dead)
    subject.now += .milliseconds(1)
    subject.alive("a", 1, address: elsewhere)
    #expect(subject.state("a") == .alive, "the incarnation begins anew as well")
    #expect(subject.incarnation("a") == 1)
    #expect(subject.member("a")?.address == elsewhere)
  }

  @Test("without a reclaim time a dead member's name is never free")
  func noReclaim() {
    let subject = Subject()
    subject.alive("a", 1)
    subject.dead("a", 1, by: "b")
    subject.now += .seconds(3600)
    subject.alive("a", 9, address: elsewhere)
    #expect(subject.state("a") == .dead)
  }

  @Test("a member that left frees its name at once, from any address and incarnation")
  func leftName() {
    let subject = Subject()
    subject.alive("a", 7)
    subject.left("a", 7)
    subject.alive("a", 1, address: elsewhere)
    #expect(subject.state("a") == .alive)
    #expect(subject.events == ["a joined", "a left", "a joined"])
  }

  @Test("both forms of one IPv4 address are one address, and are relayed as they came")
  func forms() throws {
    let subject = Subject()
    subject.alive("a", 1)
    let mapped = Subject.address("a").mapped
    subject.alive("a", 2, address: mapped)
    #expect(subject.counters.conflicts == 0)
    #expect(subject.incarnation("a") == 2)
    #expect(subject.member("a")?.address.byteCount == 16)
    #expect(subject.events == ["a joined"], "a form is no change")
  }

  @Test("a port of 0 stands for our own")
  func portZero() {
    let subject = Subject()
    subject.alive("a", 1, address: Subject.address("a").with(port: 0))
    #expect(subject.member("a")?.address.port == 7946)
  }

  static let badVersions: [ProtocolVersions?] = [
    nil, versions(0, 0, 0, 0, 0, 0), versions(0, 5, 2, 2, 5, 5), versions(3, 2, 2, 2, 5, 5), versions(1, 5, 6, 2, 5, 5),
    versions(2, 5, 1, 2, 5, 5), versions(1, 5, 2, 2, 5, 6), versions(1, 5, 2, 3, 2, 2),
  ]

  static func versions(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, _ e: UInt8, _ f: UInt8) -> ProtocolVersions {
    ProtocolVersions(
      protocolMinimum: a, protocolMaximum: b, protocolCurrent: c, delegateMinimum: d, delegateMaximum: e, delegateCurrent: f)
  }

  @Test("invalid versions create nothing, change nothing and are not relayed", arguments: badVersions)
  func refusedVersions(versions: ProtocolVersions?) {
    let subject = Subject()
    subject.alive("a", 1, versions: versions)
    #expect(subject.state("a") == nil)
    subject.alive("b", 1)
    subject.alive("b", 2, meta: [9], versions: versions)
    #expect(subject.incarnation("b") == 1)
    #expect(subject.counters.claimsWithBadVersions == 2)
    #expect(subject.news() == ["alive b 1", "alive me 1"])
  }

  @Test("impossible names, addresses and metas are dropped and counted")
  func malformed() {
    let subject = Subject()
    subject.alive("", 1)
    subject.alive(NodeName(bytes: Array(repeating: 65, count: 513)), 1)
    subject.alive("a", 1, meta: Array(repeating: 0, count: 513))
    #expect(subject.membership.count == 1)
    #expect(subject.counters.claimsWithBadName == 2)
    #expect(subject.counters.claimsWithLongMeta == 1)
  }

  @Test("the alive filter sees every alive and can refuse each")
  func filter() {
    let subject = Subject { $0.aliveFilter = { $0.name != "b" && $0.incarnation != 5 } }
    subject.alive("a", 1)
    subject.alive("b", 1)
    subject.alive("a", 5)
    #expect(subject.state("b") == nil)
    #expect(subject.incarnation("a") == 1)
    #expect(subject.counters.claimsFiltered == 2)
  }

  @Test("a stale alive makes a dead member's accusation news again, so that a restarted one hears it")
  func staleAlive() {
    let subject = Subject()
    subject.alive("a", 100)
    subject.dead("a", 100, by: "b")
    // Until no update waits any more.
    for _ in 0..<10 { _ = subject.news() }
    #expect(subject.news().isEmpty)
    subject.alive("a", 1)
    #expect(subject.state("a") == .dead)
    #expect(subject.news() == ["dead a 100 by me"])
    for _ in 0..<10 { _ = subject.news() }
    subject.alive("a", 1)
    #expect(subject.news().isEmpty, "once per probe interval")
    subject.now += .seconds(1)
    subject.alive("a", 1)
    #expect(subject.news() == ["dead a 100 by me"])
  }

  @Test("the table of members has a limit")
  func limit() {
    let subject = Subject { $0.limits.members = 10 }
    for number in 0..<20 { subject.alive(NodeName("node-\(number)"), 1) }
    #expect(subject.membership.count == 10)
    #expect(subject.counters.membersRefused == 11)
    #expect(subject.limits.allSatisfy { $0 == .members })
  }

  @Test("new meta goes out with a higher incarnation, and its end is reported")
  func updateMeta() {
    let subject = Subject { $0.gossip.interval = .milliseconds(200) }
    subject.alive("a", 1)
    subject.input { membership, now in
      let isTaken = membership.updateMeta([1, 2], notice: BroadcastID(3), at: now)
      #expect(isTaken)
    }
    #expect(subject.incarnation("me") == 2)
    #expect(subject.news().contains("alive me 2"))
    #expect(subject.events.last == "me updated")
    for _ in 0..<4 { _ = subject.news() }
    #expect(subject.finished == [BroadcastID(3)])
  }

  @Test("meta above the limit is refused, and nothing changes")
  func longMeta() {
    let subject = Subject()
    subject.input { membership, now in
      let isTaken = membership.updateMeta(Array(repeating: 0, count: 513), at: now)
      #expect(!isTaken)
    }
    #expect(subject.incarnation("me") == 1)
  }
}
