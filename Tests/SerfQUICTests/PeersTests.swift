import SerfIdentity
import SerfPrimitives
import SerfQUIC
import Testing

@Suite struct PeersTests {
  @Test("a packet to a stranger dials, waits, arrives and is answered on the same connection")
  func firstPacket() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network)
    b.echoes = true
    a.send([1], to: b.asMember, id: 7)
    #expect(network.run(for: .seconds(1)) { a.packets.count == 1 })
    #expect(a.packets[0].peer.provenName == "b")
    #expect(b.packets[0].peer.provenName == "a")
    #expect(a.delayed == [PacketID(7)])
    #expect(a.peers.endpoint.counters.handshakesStarted == 1 && b.peers.endpoint.counters.handshakesStarted == 0)
    #expect(a.warm == ["b"] && b.warm == ["a"])
    // What follows takes the same connection, whichever side begins.
    a.send([2], to: b.asMember, id: 8)
    b.send([3], to: a.asMember)
    #expect(network.run(for: .seconds(1)) { a.packets.count == 3 })
    #expect(!a.delayed.contains(PacketID(8)))
    #expect(a.peers.pool.connectionCount == 1 && b.peers.pool.connectionCount == 1)
  }

  @Test("a dial waits for its target's own dial, and what waited takes that connection")
  func simultaneousWish() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network)
    b.send([1], to: a.asMember)
    // Long enough for b's first packet to arrive, too short for its handshake to end.
    #expect(network.run(for: .seconds(1)) { a.peers.endpoint.isBeingDialled(by: b.address) })
    a.send([2], to: b.asMember, id: 3)
    #expect(network.run(for: .seconds(1)) { !a.packets.isEmpty && !b.packets.isEmpty })
    network.run(for: .seconds(2))
    #expect(a.peers.endpoint.counters.handshakesStarted == 0 && b.peers.endpoint.counters.handshakesStarted == 1)
    #expect(a.peers.pool.connectionCount == 1 && a.notSent.isEmpty)
  }

  @Test("a dial that waits for a handshake that does not end begins by itself")
  func courtesyEnds() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network)
    b.send([1], to: a.asMember)
    #expect(network.run(for: .seconds(1)) { a.peers.endpoint.isBeingDialled(by: b.address) })
    let restarted = PeersNode("b", number: 2, on: network)
    a.send([2], to: restarted.asMember, id: 3)
    #expect(network.run(for: .milliseconds(450)) { !restarted.packets.isEmpty })
    #expect(a.peers.endpoint.counters.handshakesStarted == 1)
  }

  @Test("a request crosses and is answered, over a new connection and over an old one")
  func exchange() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network)
    b.echoes = true
    let content = TrafficTests.bytes(100_000)
    a.request(2, content, to: .anyMember(b.address))
    #expect(network.run(for: .seconds(3)) { a.ended.contains(2) })
    a.request(4, [9], to: b.asMember)
    #expect(network.run(for: .seconds(1)) { a.ended.contains(4) })
    #expect(a.received[2] == content && a.received[4] == [9])
    #expect(a.opened[2]?.provenName == "b")
    #expect(a.peers.endpoint.counters.handshakesStarted == 1)
  }

  @Test("while dialling four packets wait; a probe is not the one that is dropped, and waits as long as the dial; none is sent late")
  func waiting() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network)
    network.disconnect(b.address)
    for number in 0..<6 { a.send([UInt8(number)], to: b.asMember, id: number == 0 ? 1 : nil) }
    network.run(for: .milliseconds(600))
    network.connect(b)
    network.run(for: .seconds(4)) { !a.confirmed.isEmpty }
    network.run(for: .milliseconds(100))
    #expect(b.packets.map(\.bytes) == [[0]] && a.notSent.isEmpty)
  }

  @Test("a dial that gets no answer and is given up is no error of the protocol at its target")
  func givenUp() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network)
    network.intercept = { $0.source == b.address ? [] : [$0] }
    a.send([1], to: b.asMember)
    network.run(for: .seconds(6))
    #expect(a.dialsFailed == [.handshakeTimeout])
    #expect(b.turnedAway == [.closedByPeer(.none)])
  }

  @Test("after a slow handshake with a peer one lost packet of the next one does not fail a probe")
  func slowBefore() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network)
    network.latency = .milliseconds(900)
    a.send([1], to: b.asMember, id: 1)
    #expect(network.run(for: .seconds(5)) { a.confirmed.count == 1 })
    network.run(for: .seconds(3))
    network.latency = .milliseconds(1)
    var isLost = false
    network.intercept = { datagram in
      guard !isLost, datagram.source == a.address else { return [datagram] }
      isLost = true
      return []
    }
    a.send([2], to: b.asMember, path: .fresh(since: network.now), id: 2)
    #expect(network.run(for: .milliseconds(500)) { b.packets.contains { $0.bytes == [2] } })
    network.run(for: .milliseconds(10))
    #expect(isLost && a.confirmed.count == 2)
  }

  @Test("no node at the address: a request fails by its deadline, or when the dial is given up")
  func noContact() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let nowhere = Destination.member("b", NodeAddress(ipv4: 10, 0, 0, 99, port: 1))
    a.request(2, [1], to: nowhere, within: .seconds(2))
    a.request(4, [1], to: nowhere, within: .seconds(60))
    let started = network.now
    #expect(network.run(for: .seconds(3)) { a.failed[2] == .noContact })
    #expect(network.now - started == .seconds(2))
    #expect(network.run(for: .seconds(5)) { a.failed[4] == .noContact })
    #expect(a.dialsFailed == [.handshakeTimeout])
    // For a while gossip does not dial the address; a probe does.
    a.send([1], to: nowhere)
    #expect(a.peers.pool.dialCount == 0)
    a.send([1], to: nowhere, id: 5)
    #expect(a.peers.pool.dialCount == 1)
  }

  @Test("another member at the address: like no answer, and nothing is delivered")
  func wrongName() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network)
    a.send([1], to: .member("c", b.address), id: 1)
    a.request(2, [1], to: .member("c", b.address))
    #expect(network.run(for: .seconds(2)) { a.failed[2] != nil && !b.closed.isEmpty })
    #expect(a.failed[2] == .identityMismatch)
    #expect(a.notSent == [PacketID(1): .identityMismatch])
    #expect(a.dialsFailed == [.wrongName("b")])
    #expect(b.closed.map(\.end) == [.closedByPeer(.wrongName)])
    #expect(b.packets.isEmpty && b.accepted.isEmpty)
  }

  @Test("a member that claims another's address gets nothing that is meant for that address")
  func claimedAddress() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network)
    let c = PeersNode("c", number: 3, on: network)
    c.send([1], to: a.asMember)
    #expect(network.run(for: .seconds(1)) { a.hellos.count == 1 })
    a.peers.advertised(b.address, by: a.hellos[0])
    a.request(2, [7], to: .anyMember(b.address))
    #expect(network.run(for: .seconds(1)) { !b.accepted.isEmpty || !c.accepted.isEmpty })
    #expect(a.opened[2]?.provenName == "b" && c.accepted.isEmpty)
  }

  @Test("a fresh path dials again although a warm connection exists")
  func fresh() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network)
    b.echoes = true
    a.send([1], to: b.asMember)
    network.run(for: .seconds(1)) { a.packets.count == 1 }
    let probe = network.now
    // Packets of the warm connection are swallowed; those of a new one pass.
    var known: Set<[UInt8]> = []
    var isSwallowing = false
    network.intercept = { datagram in
      guard datagram.bytes[0] & 0x80 == 0 else { return [datagram] }
      let id = Array(datagram.bytes[1..<9])
      if !isSwallowing { known.insert(id) }
      return isSwallowing && known.contains(id) ? [] : [datagram]
    }
    a.send([2], to: b.asMember)
    network.run(for: .milliseconds(100))
    isSwallowing = true
    let dead = a.peers.pool.connections(to: "b")
    a.send([3], to: b.asMember, id: 3)
    network.run(for: .milliseconds(250))
    #expect(a.packets.count == 2)
    a.send([4], to: b.asMember, path: .fresh(since: probe), id: 4)
    #expect(network.run(for: .milliseconds(500)) { a.packets.contains { $0.bytes == [4] } })
    #expect(a.peers.pool.connections(to: "b").first != dead.first)
    // From now on the working connection is preferred.
    a.send([5], to: b.asMember)
    #expect(network.run(for: .milliseconds(100)) { a.packets.contains { $0.bytes == [5] } })
  }

  @Test("a restarted peer: what it has not acknowledged is sent on a new connection")
  func restart() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    _ = PeersNode("b", number: 2, on: network)
    let destination = Destination.member("b", NodeAddress(ipv4: 10, 0, 0, 2, port: 7946))
    a.send([1], to: destination)
    network.run(for: .seconds(1))
    let again = PeersNode("b", number: 2, on: network)
    again.echoes = true
    // As large as a ping: a smaller packet gets no reset.
    let ping = TrafficTests.bytes(50)
    a.send(ping, to: destination, id: 9)
    #expect(network.run(for: .milliseconds(100)) { a.packets.count == 1 })
    #expect(again.packets.map(\.bytes) == [ping])
    #expect(a.closed.map(\.end) == [.reset])
    #expect(a.notSent.isEmpty)
  }

  @Test("a restarted peer that dials first gets what its old connection did not deliver")
  func restartDialling() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network)
    b.send([1], to: a.asMember)
    network.run(for: .seconds(1)) { a.packets.count == 1 }
    // The server's side of a connection has no token with which to recognise a reset: only the new connection shows the restart.
    network.disconnect(b.address)
    a.send([7], to: b.asMember, id: 7)
    network.run(for: .milliseconds(20))
    let again = PeersNode("b", number: 2, on: network)
    again.send([2], to: a.asMember)
    #expect(network.run(for: .milliseconds(300)) { again.packets.contains { $0.bytes == [7] } })
  }

  @Test("a peer that hangs up on every dial does not keep a packet going for ever")
  func hangingUp() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = network.node("b", number: 2)
    b.onEvent = { event in if case .confirmed(let id) = event { b.endpoint.close(id, .shutdown, at: network.now) } }
    a.send([1], to: .member("b", b.address), id: 1)
    network.run(for: .seconds(60))
    #expect(a.peers.endpoint.counters.handshakesStarted <= 2)
  }

  @Test("a connection lost under a request fails it as broken")
  func broken() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network)
    a.request(2, [1], to: b.asMember)
    network.run(for: .seconds(1)) { b.accepted.count == 1 }
    b.peers.closeAll(.shutdown, at: network.now)
    #expect(network.run(for: .seconds(1)) { a.failed[2] == .broken })
    #expect(a.closed.map(\.end) == [.closedByPeer(.shutdown)])
    #expect(a.warm.isEmpty)
  }

  @Test("all pairs dial at once: all reach each other, with at most two handshakes per pair")
  func allPairs() {
    let network = EndpointNetwork()
    let nodes = (1...8).map { PeersNode("n\($0)", number: UInt8($0), on: network) }
    for node in nodes { for other in nodes where other !== node { node.send([UInt8(other.address[3])], to: other.asMember, id: 1) } }
    // If both of a pair dialled, what is not acknowledged yet is sent again on the second connection.
    #expect(network.run(for: .seconds(5)) { nodes.allSatisfy { Set($0.packets.map(\.peer.provenName)).count == 7 } })
    let handshakes = nodes.reduce(0) { $0 + $1.peers.endpoint.counters.handshakesStarted }
    #expect(handshakes <= 56)
    #expect(nodes.allSatisfy { $0.notSent.isEmpty })
  }

  @Test("a crowd behind one address gets in although the network is slow and places are few: those that have to make room come back")
  func crowd() {
    let network = EndpointNetwork()
    let target = PeersNode("b", at: NodeAddress(ipv4: 10, 0, 0, 1, port: 7946), on: network) { $0.halfOpenPerAddress = 3 }
    let nodes = (1...16).map { number in
      PeersNode("n\(number)", at: NodeAddress(ipv4: 10, 0, 0, 2, port: UInt16(number)), on: network) {
        $0.initialRoundTrip = .milliseconds(600)
      }
    }
    // A client is silent for longer than its place is kept.
    network.latency = .milliseconds(150)
    for node in nodes { node.request(2, [1], to: .anyMember(target.address)) }
    #expect(network.run(for: .seconds(15)) { nodes.allSatisfy { $0.opened[2] != nil || $0.failed[2] != nil } })
    #expect(nodes.allSatisfy { $0.failed[2] == nil })
    #expect(target.peers.endpoint.counters.handshakesDisplaced > 0)
  }

  @Test("a dial that waits for its target's own begins at once when a fresh connection is wanted")
  func freshBeginsAtOnce() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network)
    b.send([1], to: a.asMember)
    #expect(network.run(for: .seconds(1)) { a.peers.endpoint.isBeingDialled(by: b.address) })
    // From now on nothing from there arrives.
    network.disconnect(b.address)
    a.send([2], to: b.asMember, id: 3)
    network.run(for: .milliseconds(20))
    #expect(a.peers.endpoint.counters.handshakesStarted == 0)
    a.send([2], to: b.asMember, path: .fresh(since: network.now), id: 4)
    network.run(for: .milliseconds(1))
    #expect(a.peers.endpoint.counters.handshakesStarted == 1)
  }

  @Test(
    "a join whose target has answered has fifteen seconds for its handshake, one whose target is silent five", arguments: [true, false])
  func slowJoin(isAnswered: Bool) {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network) { $0.retryThreshold = 0 }
    b.echoes = true
    // Its first packet is answered by a Retry; the next ones do not arrive.
    var sent = 0
    network.intercept = { datagram in
      guard datagram.source == a.address else { return [datagram] }
      sent += 1
      return isAnswered && sent == 1 ? [datagram] : []
    }
    a.request(2, [9], to: .anyMember(b.address), within: .seconds(20))
    network.run(for: .milliseconds(10_500))
    #expect(a.failed[2] == (isAnswered ? nil : .noContact))
    network.intercept = nil
    network.run(for: .milliseconds(4400))
    #expect(a.ended.contains(2) == isAnswered)
  }

  @Test("joins by name begin as others do, side by side")
  func namedJoins() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    var known: Set<NodeName> = []
    a.peers.askForAddresses { known.contains($0) ? NodeAddress(ipv4: 10, 0, 9, 1, port: 7946) : nil }
    func ask(_ names: [NodeName], from stream: UInt64) {
      for (number, name) in names.enumerated() {
        let address = NodeAddress(ipv4: 10, 0, 9, UInt8(stream) + UInt8(number), port: 7946)
        a.request(StreamID(stream + 2 * UInt64(number)), [1], to: .member(name, address))
      }
      network.run(for: .milliseconds(1))
    }
    ask((0..<8).map { NodeName("x\($0)") }, from: 2)
    #expect(a.peers.endpoint.counters.handshakesStarted == 8)
    let members = (0..<8).map { NodeName("m\($0)") }
    known = Set(members)
    ask(members, from: 102)
    #expect(a.peers.endpoint.counters.handshakesStarted == 8, "exchanges with members have fewer places")
  }

  @Test("a ping to an address where no node answers fails with the dial, and that is not our fault")
  func nobodyAnswers() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    a.send([1], to: .member("x", NodeAddress(ipv4: 10, 0, 9, 1, port: 7946)), id: 1)
    network.run(for: .seconds(6))
    #expect(a.notSent == [PacketID(1): .noContact])
  }

  @Test("a ping whose dial did not begin, because others took our places, is our own fault")
  func notBegun() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    for number in 1...12 as ClosedRange<UInt8> {
      a.send([number], to: .member(NodeName("x\(number)"), NodeAddress(ipv4: 10, 0, 9, number, port: 7946)), id: UInt64(number))
    }
    network.run(for: .milliseconds(3500))
    let begun = a.peers.endpoint.counters.handshakesStarted
    #expect(begun == 12, "one a second in each of four places")
    for number in 21...60 as ClosedRange<UInt8> {
      a.send([number], to: .member(NodeName("x\(number)"), NodeAddress(ipv4: 10, 0, 9, number, port: 7946)), id: UInt64(number))
    }
    network.run(for: .seconds(6))
    #expect(a.notSent.filter { $0.value == .noContact }.count >= 12)
    #expect(a.notSent[PacketID(60)] == .notSent)
  }

  @Test("what waits for a target that stays busy is reported in time, and nothing of it is kept")
  func staysBusy() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network) { $0.connectionLimit = 0 }
    a.send([1], to: b.asMember, id: 1)
    a.request(2, [1], to: b.asMember, within: .seconds(3))
    network.run(for: .seconds(4))
    #expect(a.failed[2] == .overloaded && a.notSent.isEmpty)
    network.run(for: .seconds(4))
    #expect(a.notSent == [PacketID(1): .noContact])
    #expect(a.peers.waitingDials == 0 && a.peers.pool.dialCount == 0)
  }

  @Test("idle connections are closed, and nothing is reported as failed")
  func idle() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network, pool: { $0.idleTime = .seconds(2) ... .seconds(2) })
    let b = PeersNode("b", number: 2, on: network)
    b.echoes = true
    for round in 1...10 {
      a.send([UInt8(round)], to: b.asMember, id: UInt64(round))
      #expect(network.run(for: .seconds(1)) { a.packets.count == round })
      #expect(network.run(for: .seconds(5)) { a.warm.isEmpty && b.warm.isEmpty })
    }
    #expect(a.notSent.isEmpty)
    #expect(Set(a.closed.map(\.end)) == [.closed(.none)])
    network.run(for: .seconds(5))
    #expect(a.peers.endpoint.connectionCount == 0 && b.peers.endpoint.connectionCount == 0)
  }

  @Test("an old connection is replaced without a gap")
  func renewal() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network)
    b.echoes = true
    a.send([0], to: b.asMember)
    network.run(for: .seconds(1))
    a.peers.replace(credentials: TestAuthority.shared.credentials("a"), at: network.now)
    var sent: UInt8 = 0
    for _ in 0..<61 {
      sent += 1
      a.send([sent], to: b.asMember, id: UInt64(sent))
      network.run(for: .seconds(5))
    }
    #expect(a.packets.count == 62)
    #expect(a.notSent.isEmpty)
    #expect(a.closed.map(\.end) == [.closed(.replaced)])
    #expect(a.warm == ["b"])
  }

  /// Credentials of node `a` that are valid for this time from the origin on.
  private static func credentials(holdingFor life: Duration) throws -> Credentials {
    let authority = TestAuthority.shared.authority
    let issued = try authority.issue(node: "a", validFor: life, at: TestAuthority.origin)
    return try Credentials(
      pem: .init(authorities: authority.certificatePEM, certificate: issued.certificatePEM, privateKey: issued.privateKeyPEM),
      at: TestAuthority.origin)
  }

  @Test("a new certificate is on all connections within a third of its life")
  func renewalTime() throws {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let members = (2...9).map { PeersNode("n\($0)", number: $0, on: network) }
    for member in members { a.send([0], to: member.asMember) }
    network.run(for: .seconds(1))
    a.peers.replace(credentials: try Self.credentials(holdingFor: .seconds(91)), at: network.now)
    #expect(network.run(for: .seconds(32)) { a.closed.count == members.count })
    #expect(a.closed.allSatisfy { $0.end == .closed(.replaced) })
  }

  @Test("a connection whose handshake began before our certificate changed is renewed as well")
  func renewalOfHandshake() throws {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network)
    a.send([0], to: b.asMember)
    a.peers.replace(credentials: try Self.credentials(holdingFor: .seconds(90)), at: network.now)
    #expect(network.run(for: .seconds(1)) { b.packets.count == 1 })
    #expect(network.run(for: .seconds(32)) { a.closed.count == 1 })
    #expect(a.closed.map(\.end) == [.closed(.replaced)])
  }

  @Test("a member that left is disconnected at once")
  func departed() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network)
    a.send([0], to: b.asMember)
    network.run(for: .seconds(1))
    a.peers.departed("b", at: network.now)
    #expect(network.run(for: .seconds(1)) { a.warm.isEmpty && b.warm.isEmpty })
  }

  @Test("nodes find each other under loss", arguments: [0.01, 0.05, 0.2])
  func loss(rate: Double) {
    let network = EndpointNetwork(seed: 3)
    network.loss = rate
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network)
    b.echoes = true
    for number in 0..<200 {
      a.request(StreamID(UInt64(2 * number + 2)), [UInt8(number)], to: b.asMember, within: .seconds(30))
      network.run(for: .milliseconds(20))
    }
    #expect(network.run(for: .seconds(30)) { a.ended.count == 200 })
    #expect(a.failed.isEmpty)
  }

  @Test("a peer that allows no more streams: requests wait their turn, and none is lost")
  func streamCredit() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network)
    b.echoes = true
    for number in 1...300 { a.request(StreamID(UInt64(2 * number)), [UInt8(number & 255)], to: b.asMember) }
    #expect(network.run(for: .seconds(10)) { a.ended.count == 300 })
    #expect(a.failed.isEmpty)
  }
}
