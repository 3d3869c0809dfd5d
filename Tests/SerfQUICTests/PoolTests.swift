import SerfPrimitives
import SerfQUIC
import Testing

@Suite struct PoolTests {
  static func address(_ last: UInt8, port: UInt16 = 7946) -> NodeAddress { NodeAddress(ipv4: 10, 0, 0, last, port: port) }

  /// A pool of node `me`, with shorthand for what happens to it.
  final class Fixture {
    var pool: ConnectionPool
    private var lastConnection: UInt64 = 0

    init(configure: (inout PoolConfiguration) -> Void = { _ in }) {
      var configuration = PoolConfiguration(ownName: "me")
      configure(&configuration)
      pool = ConnectionPool(configuration: configuration, seed: 1)
    }

    func actions() -> [ConnectionPool.Action] {
      var all: [ConnectionPool.Action] = []
      while let action = pool.nextAction() { all.append(action) }
      return all
    }

    func route(_ destination: Destination, _ path: SendPath, at now: Instant) -> ConnectionPool.Route {
      pool.route(destination, path, at: now)
    }

    /// The peer dialled us.
    @discardableResult
    func accept(_ name: NodeName, _ address: NodeAddress, at now: Instant) -> ConnectionID {
      lastConnection += 1
      let id = ConnectionID(lastConnection)
      pool.opened(id, name: name, address: address, endOf: [], took: nil, startedAt: now, at: now)
      return id
    }

    /// Our dial reached its peer.
    @discardableResult
    func finish(
      _ dial: ConnectionPool.DialID, _ name: NodeName, _ address: NodeAddress, took: Duration = .zero, at now: Instant
    ) -> ConnectionID {
      lastConnection += 1
      let id = ConnectionID(lastConnection)
      pool.opened(id, name: name, address: address, endOf: [dial], took: took, startedAt: now, at: now)
      return id
    }

    func dial(_ destination: Destination, _ path: SendPath = .warm, _ urgency: DialUrgency = .gossip, at now: Instant) -> ConnectionPool
      .DialID?
    {
      guard case .wait(let dial) = pool.route(destination, path, urgency: urgency, at: now) else { return nil }
      return dial
    }
  }

  static func seconds(_ value: Double) -> Instant { .zero + .nanoseconds(Int64(value * 1e9)) }

  @Test("a second message to a peer that is being dialled waits for the same dial")
  func oneDial() {
    let fixture = Fixture()
    let dial = fixture.dial(.member("b", Self.address(2)), at: .zero)
    #expect(fixture.dial(.member("b", Self.address(2)), at: .zero) == dial)
    #expect(fixture.actions().count == 1)
  }

  @Test("of several connections to a name the one heard last is used")
  func mostRecentlyHeard() {
    let fixture = Fixture()
    let first = fixture.accept("b", Self.address(2), at: Self.seconds(1))
    let second = fixture.accept("b", Self.address(2), at: Self.seconds(2))
    let destination = Destination.member("b", Self.address(2))
    #expect(fixture.route(destination, .warm, at: Self.seconds(3)) == .use(second))
    fixture.pool.heard(first, at: Self.seconds(4))
    #expect(fixture.route(destination, .warm, at: Self.seconds(5)) == .use(first))
  }

  @Test("a fresh path takes no connection that is older than the question")
  func fresh() throws {
    let fixture = Fixture()
    let old = fixture.accept("b", Self.address(2), at: Self.seconds(1))
    let destination = Destination.member("b", Self.address(2))
    let dial = try #require(fixture.dial(destination, .fresh(since: Self.seconds(2)), at: Self.seconds(3)))
    #expect(fixture.dial(destination, .fresh(since: Self.seconds(2)), at: Self.seconds(3)) == dial)
    #expect(fixture.route(destination, .warm, at: Self.seconds(3)) == .use(old))
    let new = fixture.finish(dial, "b", Self.address(2), at: Self.seconds(4))
    #expect(fixture.route(destination, .fresh(since: Self.seconds(2)), at: Self.seconds(5)) == .use(new))
  }

  @Test("a connection to the same name at another address does not serve this one")
  func otherAddress() {
    let fixture = Fixture()
    let id = fixture.accept("b", Self.address(2), at: .zero)
    #expect(fixture.dial(.member("b", Self.address(3)), at: .zero) != nil)
    // Unless the peer says that it can be reached there.
    fixture.pool.advertised(id, Self.address(3))
    #expect(fixture.route(.member("b", Self.address(3)), .warm, at: .zero) == .use(id))
  }

  @Test("a join takes no connection whose peer only claims the address")
  func claimedAddress() {
    let fixture = Fixture()
    let id = fixture.accept("c", Self.address(3), at: .zero)
    fixture.pool.advertised(id, Self.address(2))
    _ = fixture.actions()
    #expect(fixture.dial(.anyMember(Self.address(2)), at: .zero) != nil)
    #expect(fixture.actions() == [.dial(ConnectionPool.DialID(value: 1), Self.address(2), .anyMember)])
    // The address that its packets come from is not just a claim.
    #expect(fixture.route(.anyMember(Self.address(3)), .warm, at: .zero) == .use(id))
  }

  @Test("an answer goes back on its connection, and is never dialled for")
  func replies() {
    let fixture = Fixture()
    let id = fixture.accept("b", Self.address(2), at: .zero)
    let peer = Peer(address: Self.address(2), connection: id, provenName: "b")
    #expect(fixture.route(.reply(peer), .warm, at: .zero) == .use(id))
    let next = fixture.accept("b", Self.address(9), at: .zero)
    _ = fixture.pool.closed(id)
    #expect(fixture.route(.reply(peer), .warm, at: .zero) == .use(next))
    _ = fixture.pool.closed(next)
    #expect(fixture.route(.reply(peer), .warm, at: .zero) == .unreachable(.broken))
  }

  @Test("a node does not dial itself")
  func ourselves() {
    let fixture = Fixture()
    #expect(fixture.route(.member("me", Self.address(1)), .warm, at: .zero) == .unreachable(.refused))
  }

  @Test("four dials at once to one IP; the next goes when one ends, or grows old")
  func dialsPerHost() throws {
    let fixture = Fixture()
    let dials = (1...6).compactMap { fixture.dial(.anyMember(Self.address(2, port: UInt16($0))), at: .zero) }
    #expect(fixture.actions().count == 4)
    fixture.pool.dialFailed(dials[0], at: .zero)
    #expect(fixture.actions() == [.dial(dials[4], Self.address(2, port: 5), .anyMember)])
    fixture.pool.advance(to: Self.seconds(1))
    #expect(fixture.actions() == [.dial(dials[5], Self.address(2, port: 6), .anyMember)])
    // Another IP has its own four.
    #expect(fixture.dial(.anyMember(Self.address(3)), at: Self.seconds(1)) != nil)
    #expect(fixture.actions().count == 1)
  }

  /// A destination at its own host.
  private func member(_ number: UInt8) -> Destination { .member(NodeName("n\(number)"), Self.address(number)) }

  @Test("joins begin first, then probes, exchanges and gossip; the less urgent only while few are in progress")
  func urgency() throws {
    let fixture = Fixture { $0.dialsInProgress = (join: 6, probe: 4, exchange: 3, gossip: 2) }
    let wishes: [DialUrgency] = [.gossip, .gossip, .gossip, .exchange, .exchange, .probe, .probe, .join, .join]
    var dials: [ConnectionPool.DialID] = []
    for (number, urgency) in wishes.enumerated() {
      dials.append(try #require(fixture.dial(member(UInt8(10 + number)), .warm, urgency, at: .zero)))
    }
    func begun() -> [Int] {
      fixture.actions().compactMap { action in
        guard case .dial(let dial, _, _) = action else { return nil }
        return dials.firstIndex(of: dial)
      }
    }
    // Two for gossip, one for an exchange, one for a probe, and the joins.
    #expect(begun() == [0, 1, 3, 5, 7, 8])
    for dial in [0, 1, 3] { fixture.pool.dialFailed(dials[dial], at: .zero) }
    #expect(begun() == [6])
    for dial in [5, 6] { fixture.pool.dialFailed(dials[dial], at: .zero) }
    #expect(begun() == [4])
    for dial in [7, 8] { fixture.pool.dialFailed(dials[dial], at: .zero) }
    #expect(begun() == [2])
  }

  @Test("a dial that waits for gossip becomes urgent when a probe wants it too")
  func moreUrgent() throws {
    let fixture = Fixture { $0.dialsInProgress = (join: 3, probe: 2, exchange: 2, gossip: 1) }
    for number in 10..<14 as Range<UInt8> { _ = fixture.dial(member(number), at: .zero) }
    #expect(fixture.actions().count == 1)
    _ = fixture.dial(member(13), .warm, .probe, at: .zero)
    #expect(fixture.actions() == [.dial(ConnectionPool.DialID(value: 4), Self.address(13), .name("n13"))])
  }

  @Test("a dial counts as in progress for twice as long as dials take here, a second at least")
  func dialTime() throws {
    let fixture = Fixture { $0.dialsInProgress = (join: 3, probe: 2, exchange: 2, gossip: 1) }
    let first = try #require(fixture.dial(member(10), at: .zero))
    _ = fixture.dial(member(11), at: .zero)
    #expect(fixture.actions().count == 1)
    fixture.finish(first, "n10", Self.address(10), took: .milliseconds(900), at: Self.seconds(0.9))
    #expect(fixture.actions().count == 1)
    #expect(fixture.pool.dialTime == .milliseconds(900))
    _ = fixture.dial(member(12), at: Self.seconds(1))
    fixture.pool.advance(to: Self.seconds(2))
    #expect(fixture.actions().isEmpty, "a second is less than twice the time")
    fixture.pool.advance(to: Self.seconds(2.7))
    #expect(fixture.actions().count == 1)
  }

  @Test("a dial whose target is too busy begins again after a pause that doubles up to a second, and fifteen times at most")
  func busyTarget() throws {
    let fixture = Fixture()
    let dial = try #require(fixture.dial(member(10), .warm, .probe, at: .zero))
    var now = Instant.zero
    for refusal in 0..<15 {
      #expect(fixture.actions() == [.dial(dial, Self.address(10), .name("n10"))])
      let goesOn = fixture.pool.dialRefused(dial, at: now)
      #expect(goesOn)
      #expect(fixture.pool.wasRefused(dial))
      #expect(fixture.dial(member(10), .warm, .probe, at: now) == dial, "it is under way")
      #expect(fixture.actions().isEmpty)
      let next = try #require(fixture.pool.nextDeadline)
      let pause = Duration.milliseconds(min(250 * (1 << refusal), 1000))
      #expect((pause / 2...pause * 1.5).contains(next - now))
      now = next
      fixture.pool.advance(to: now)
    }
    _ = fixture.actions()
    let goesOn = fixture.pool.dialRefused(dial, at: now)
    #expect(!goesOn)
  }

  @Test("after failures gossip does not dial an address for 1, 2, 4 … 30 s; probes and joins do")
  func backOff() throws {
    let fixture = Fixture()
    var now = Instant.zero
    let destination = Destination.member("b", Self.address(2))
    for wait in [1, 2, 4, 8, 16, 30, 30] {
      fixture.pool.dialFailed(try #require(fixture.dial(destination, at: now)), at: now)
      now += .seconds(wait) - .milliseconds(1)
      #expect(fixture.route(destination, .warm, at: now) == .unreachable(.noContact))
      now += .milliseconds(1)
    }
    fixture.pool.dialFailed(try #require(fixture.dial(destination, at: now)), at: now)
    fixture.pool.dialFailed(try #require(fixture.dial(destination, .warm, .probe, at: now)), at: now)
    fixture.pool.dialFailed(try #require(fixture.dial(destination, .fresh(since: now), at: now)), at: now)
    #expect(fixture.dial(destination, at: now) == nil)
    // When the peer itself connects, all failures are forgotten.
    let id = fixture.accept("b", Self.address(2), at: now)
    _ = fixture.pool.closed(id)
    #expect(fixture.dial(destination, at: now) != nil)
  }

  @Test("a dial without an answer is given up")
  func dialTimeout() throws {
    let fixture = Fixture()
    let dial = try #require(fixture.dial(.member("b", Self.address(2)), at: .zero))
    _ = fixture.actions()
    fixture.pool.advance(to: Self.seconds(4.9))
    #expect(fixture.actions().isEmpty)
    fixture.pool.advance(to: Self.seconds(5))
    #expect(fixture.actions() == [.abandon(dial, .noContact)])
  }

  @Test("a dial for a join has fifteen seconds when its target has answered")
  func joinDialTimeout() throws {
    let fixture = Fixture()
    let answered = try #require(fixture.dial(.anyMember(Self.address(2)), at: .zero))
    let silent = try #require(fixture.dial(.anyMember(Self.address(3)), at: .zero))
    fixture.pool.isAnswered = { $0 == answered }
    _ = fixture.actions()
    fixture.pool.advance(to: Self.seconds(5))
    #expect(fixture.actions() == [.abandon(silent, .noContact)])
    #expect(fixture.pool.nextDeadline == Self.seconds(15))
    fixture.pool.advance(to: Self.seconds(14.9))
    #expect(fixture.actions().isEmpty)
    fixture.pool.advance(to: Self.seconds(15))
    #expect(fixture.actions() == [.abandon(answered, .noContact)])
  }

  @Test("a dial for gossip that waits for its turn can be withdrawn; one that has begun goes on")
  func withdraw() throws {
    let fixture = Fixture()
    let dials = try (1...4).map { try #require(fixture.dial(.member(NodeName("n\($0)"), Self.address($0)), at: .zero)) }
    #expect(fixture.actions().count == 2, "two at once")
    #expect(fixture.dial(.member("n4", Self.address(4)), .warm, .probe, at: .zero) == dials[3])
    #expect(!fixture.pool.withdraw(dials[0]) && fixture.pool.withdraw(dials[2]))
    fixture.pool.advance(to: Self.seconds(1))
    #expect(fixture.pool.dialCount == 3)
  }

  @Test("at most four connections to one name; the one heard longest ago is closed")
  func perName() {
    let fixture = Fixture()
    let ids = (1...4).map { fixture.accept("b", Self.address(2), at: Self.seconds(Double($0))) }
    fixture.pool.heard(ids[0], at: Self.seconds(9))
    _ = fixture.actions()
    fixture.accept("b", Self.address(2), at: Self.seconds(10))
    #expect(fixture.actions().contains(.close(ids[1], .replaced)))
  }

  @Test("above the limit the connection used longest ago is closed, but none to a pinned member")
  func eviction() {
    let fixture = Fixture { $0.connectionLimit = 3 }
    let ids = (1...3).map { fixture.accept(NodeName("n\($0)"), Self.address($0), at: Self.seconds(Double($0))) }
    fixture.pool.isPinned = { $0 == "n1" }
    _ = fixture.actions()
    fixture.accept("n4", Self.address(4), at: Self.seconds(9))
    #expect(fixture.actions() == [.close(ids[1], .none)])
  }

  @Test("idle means 2.2 · N probe intervals, at least 60 s and at most 30 min", arguments: [(1, 60), (100, 220), (10_000, 1800)])
  func idleTime(members: Int, seconds: Int) {
    let fixture = Fixture()
    fixture.pool.setMemberCount(members)
    #expect(fixture.pool.idleLimit == .seconds(seconds))
    let id = fixture.accept("b", Self.address(2), at: .zero)
    let pinned = fixture.accept("c", Self.address(3), at: .zero)
    fixture.pool.isPinned = { $0 == "c" }
    fixture.pool.advance(to: .zero + .seconds(seconds))
    #expect(fixture.actions().isEmpty)
    fixture.pool.advance(to: .zero + .seconds(seconds + 1))
    #expect(fixture.actions() == [.close(id, .none)])
    fixture.pool.isPinned = { _ in false }
    _ = fixture.pool.closed(id)
    fixture.pool.advance(to: .zero + .seconds(seconds + 2))
    #expect(fixture.actions() == [.close(pinned, .none)])
  }

  @Test("the pool needs a turn only when a connection may have been idle for too long, or is to be replaced")
  func rest() {
    let fixture = Fixture()
    fixture.pool.setMemberCount(100)
    let id = fixture.accept("b", Self.address(2), at: .zero)
    #expect(fixture.pool.nextDeadline == Self.seconds(220))
    fixture.pool.heard(id, at: Self.seconds(200))
    fixture.pool.advance(to: Self.seconds(220))
    #expect(fixture.actions().isEmpty)
    #expect(fixture.pool.nextDeadline == Self.seconds(420))
    fixture.pool.renew(id, within: .seconds(10), at: Self.seconds(230))
    #expect(fixture.pool.nextDeadline.map { $0 <= Self.seconds(240) } == true)
    fixture.pool.setMemberCount(10)
    #expect(fixture.pool.nextDeadline == Self.seconds(221), "with fewer members it may be too long already")
  }

  @Test("an old connection is replaced before it is closed")
  func age() throws {
    let fixture = Fixture { $0.idleTime = .seconds(1_000_000) ... .seconds(2_000_000) }
    let old = fixture.accept("b", Self.address(2), at: .zero)
    fixture.pool.advance(to: .zero + .seconds(9 * 3600 - 1))
    #expect(fixture.actions().isEmpty)
    var now = Instant.zero + .seconds(9 * 3600)
    var actions: [ConnectionPool.Action] = []
    while actions.isEmpty, now < .zero + .seconds(15 * 3600 + 60) {
      now += .seconds(60)
      fixture.pool.advance(to: now)
      actions = fixture.actions()
    }
    guard case .dial(let dial, Self.address(2), .name("b")) = try #require(actions.first) else { return #expect(Bool(false)) }
    #expect(fixture.route(.member("b", Self.address(2)), .warm, at: now) == .use(old))
    let new = fixture.finish(dial, "b", Self.address(2), at: now)
    #expect(fixture.actions() == [.move(from: old, to: new), .close(old, .replaced)])
  }

  @Test("a renewal dials where the membership has the peer, not where the peer says it is")
  func renewalAddress() {
    let fixture = Fixture { $0.renewalTime = .seconds(10) }
    fixture.pool.addressOf = { $0 == "b" ? Self.address(2) : nil }
    // b came from behind a NAT; c is no member yet.
    let b = fixture.accept("b", Self.address(7, port: 50_000), at: .zero)
    let c = fixture.accept("c", Self.address(3), at: .zero)
    for id in [b, c] { fixture.pool.advertised(id, Self.address(66)) }
    _ = fixture.actions()
    fixture.pool.renewAll(within: .seconds(10), at: .zero)
    var dialled: [NodeAddress] = []
    for second in 1...10 {
      fixture.pool.advance(to: Self.seconds(Double(second)))
      for case .dial(let dial, let address, .name(let name)) in fixture.actions() {
        dialled.append(address)
        fixture.finish(dial, name, address, at: Self.seconds(Double(second)))
        // The old connection is closed, wherever it led.
        #expect(fixture.actions().last == .close(name == "b" ? b : c, .replaced))
      }
    }
    #expect(Set(dialled) == [Self.address(2), Self.address(3)] && dialled.count == 2)
  }

  @Test("after a change of certificate every connection is replaced within the time for it")
  func renewal() {
    let fixture = Fixture()
    fixture.pool.setMemberCount(1000)
    for number in 1...20 { fixture.accept(NodeName("n\(number)"), Self.address(UInt8(number)), at: .zero) }
    fixture.pool.renewAll(within: .seconds(300), at: .zero)
    var dialled: Set<NodeAddress> = []
    for second in stride(from: 30, through: 300, by: 30) {
      fixture.pool.advance(to: .zero + .seconds(second))
      for case .dial(_, let address, _) in fixture.actions() { dialled.insert(address) }
      if second == 150 { #expect((4...16).contains(dialled.count)) }
    }
    #expect(dialled.count == 20)
  }

  @Test("connections and dials of a member that died or left end at once")
  func departed() {
    let fixture = Fixture()
    let id = fixture.accept("b", Self.address(2), at: .zero)
    let dial = fixture.dial(.member("b", Self.address(3)), at: .zero)
    _ = fixture.actions()
    fixture.pool.departed("b")
    #expect(fixture.actions() == [.close(id, .none), .abandon(dial!, .noContact)])
  }

  @Test("what one connection has not delivered moves to a newer one of the same peer")
  func moving() {
    let fixture = Fixture()
    let old = fixture.accept("b", Self.address(2), at: .zero)
    let elsewhere = fixture.accept("b", Self.address(3), at: .zero)
    _ = fixture.actions()
    let new = fixture.accept("b", Self.address(2), at: Self.seconds(1))
    #expect(fixture.actions() == [.move(from: old, to: new)])
    #expect(fixture.pool.connections(to: "b").count == 3)
    _ = elsewhere
  }

  @Test("failures at ever new addresses are remembered in limited memory")
  func boundedBackOff() {
    let fixture = Fixture()
    for number in 0..<20_000 {
      let address = NodeAddress(ipv4: 10, UInt8(number >> 16), UInt8(number >> 8 & 255), UInt8(number & 255), port: 1)
      if let dial = fixture.dial(.anyMember(address), at: .zero) { fixture.pool.dialFailed(dial, at: .zero) }
      _ = fixture.actions()
    }
    #expect(fixture.pool.dialCount == 0)
  }
}
