import SerfPrimitives
import SerfQUIC
import Testing

/// Work and memory that strangers can cause: `secure-transport.md` 3.1, RFC 9000 sections 8 and 21.
@Suite struct FloodTests {
  @Test("a flood of first packets from everywhere uses bounded memory, and a member still gets in")
  func flood() {
    let network = EndpointNetwork()
    let b = network.node("b", number: 2) {
      $0.retryThreshold = 8
      $0.halfOpenLimit = 32
    }
    let packets = FirstPackets.make(400)
    for (number, packet) in packets.enumerated() {
      network.inject(packet, from: NodeAddress(ipv4: 172, 16, UInt8(number & 255), UInt8(number >> 8), port: 999), to: b.address)
    }
    network.run(for: .milliseconds(500))
    let counters = b.endpoint.counters
    #expect(counters.handshakesAccepted <= 8)
    #expect(counters.retries >= 300)
    #expect(b.endpoint.connectionCount <= 8)
    // The flood keeps the node above the threshold. A member has to prove its address, and does.
    let a = network.node("a", number: 1)
    let id = a.dial(b)
    #expect(network.run(for: .seconds(3)) { a.confirmed.contains(id) })
    network.run(for: .seconds(20))
    #expect(b.endpoint.connectionCount == 1)
  }

  @Test("an eager source has to prove its address; others do not")
  func perSource() {
    let network = EndpointNetwork()
    let b = network.node("b", number: 2) {
      $0.handshakeBurstPerSource = 3
      $0.handshakesPerSourcePerSecond = 1
    }
    let packets = FirstPackets.make(10)
    for (number, packet) in packets.enumerated() {
      network.inject(packet, from: NodeAddress(ipv4: 172, 16, 1, UInt8(number), port: 999), to: b.address)
    }
    network.run(for: .milliseconds(100))
    #expect(b.endpoint.counters.retries == 7)
    let a = network.node("a", number: 1)
    let id = a.dial(b)
    #expect(network.run(for: .seconds(1)) { a.confirmed.contains(id) })
    #expect(b.endpoint.counters.retries == 7)
  }

  @Test("with as many connections as allowed even a proven address is refused")
  func cap() {
    let network = EndpointNetwork()
    let a = network.node("a", number: 1)
    let b = network.node("b", number: 2) { $0.connectionLimit = 0 }
    let id = a.dial(b)
    #expect(network.run(for: .seconds(2)) { a.closed[id] == .refusedByPeer })
    #expect(b.endpoint.counters.retries == 1 && b.endpoint.counters.refusedForLoad == 1)
  }

  @Test("with Retry a handshake succeeds, under loss too", arguments: [0, 0.05, 0.2], 1...4 as ClosedRange<UInt64>)
  func retry(loss: Double, seed: UInt64) {
    let network = EndpointNetwork(seed: seed)
    network.loss = loss
    let a = network.node("a", number: 1)
    let b = network.node("b", number: 2) { $0.retryThreshold = 0 }
    let id = a.dial(b)
    #expect(network.run(for: .seconds(10)) { a.confirmed.contains(id) && b.confirmed.count == 1 })
    #expect(b.endpoint.counters.retries >= 1)
    // A second dial from a validated address needs no Retry.
    let retries = b.endpoint.counters.retries
    let second = a.dial(b)
    #expect(network.run(for: .seconds(10)) { a.confirmed.contains(second) })
    #expect(b.endpoint.counters.retries == retries)
  }

  @Test("a Retry token serves only the address that it was made for, and only for twenty seconds")
  func retryTokens() throws {
    let network = EndpointNetwork()
    let a = network.node("a", number: 1)
    let b = network.node("b", number: 2) { $0.retryThreshold = 0 }
    var withToken: EndpointNetwork.Datagram?
    var fromA = 0
    network.intercept = { datagram in
      if datagram.source == a.address {
        fromA += 1
        if fromA == 2 { withToken = datagram }
      }
      return fromA < 2 ? [datagram] : []
    }
    _ = a.dial(b)
    network.run(for: .milliseconds(20))
    let stolen = try #require(withToken)
    network.intercept = nil
    network.inject(stolen.bytes, from: NodeAddress(ipv4: 172, 16, 0, 1, port: 1), to: b.address)
    network.run(for: .milliseconds(20))
    #expect(b.endpoint.counters.invalidTokens == 1)
    network.intercept = { $0.source == a.address ? [] : [$0] }
    network.run(for: .seconds(21))
    network.intercept = nil
    network.inject(stolen.bytes, from: a.address, to: b.address)
    network.run(for: .milliseconds(20))
    #expect(b.endpoint.counters.invalidTokens == 2)
    #expect(b.endpoint.counters.handshakesAccepted == 0)
  }

  @Test("another version is answered with ours, a version negotiation ends a dial")
  func versions() {
    let network = EndpointNetwork()
    let a = network.node("a", number: 1)
    let b = network.node("b", number: 2)
    network.intercept = { datagram in
      var datagram = datagram
      if datagram.destination == b.address, datagram.bytes[0] & 0x80 != 0 {
        datagram.bytes.replaceSubrange(1..<5, with: [0x0a, 0x1a, 0x2a, 0x3a])
      }
      return [datagram]
    }
    let id = a.dial(b)
    network.run(for: .milliseconds(500))
    #expect(b.endpoint.counters.versionNegotiations > 0)
    #expect(b.endpoint.connectionCount == 0)
    // The list contains the version that the client wanted, so this is an attempt at a downgrade, and is ignored.
    #expect(a.closed[id] == nil)
  }

  @Test("resets are shorter than what they answer, and stop")
  func resets() {
    let network = EndpointNetwork()
    let b = network.node("b", number: 2) { $0.statelessRepliesPerSecond = 10 }
    let stranger = NodeAddress(ipv4: 10, 0, 0, 77, port: 5)
    var answers: [Int] = []
    network.intercept = { datagram in
      if datagram.destination == stranger { answers.append(datagram.bytes.count) }
      return [datagram]
    }
    for length in [21, 42, 43, 44, 100, 1200] {
      network.inject([0x40] + TrafficTests.bytes(length - 1), from: stranger, to: b.address)
      network.run(for: .milliseconds(10))
    }
    #expect(answers == [42, 43, 43, 43])
    for _ in 0..<1000 { network.inject([0x40] + TrafficTests.bytes(99), from: stranger, to: b.address) }
    network.run(for: .milliseconds(500))
    #expect(answers.count <= 20)
    #expect(b.endpoint.counters.statelessRepliesWithheld >= 980)
  }

  @Test("a member that sends without end is heard up to its rate")
  func packetRate() {
    let (network, a, b, id) = TrafficTests.pair {
      $0.packetsPerSecond = 100
      $0.packetBurst = 50
    }
    for _ in 0..<200 {
      a.send([1], on: id)
      network.run(for: .milliseconds(1))
    }
    network.run(for: .seconds(1))
    #expect((60...80).contains(b.packetCount))
    #expect(b.packetCount + Int(b.endpoint.counters.packetsOverLimit) == 200)
  }

  @Test("a few handshake packets per turn, so that a wave of dials delays no member")
  func fairness() {
    let network = EndpointNetwork()
    let b = network.node("b", number: 2)
    let packets = FirstPackets.make(20)
    for packet in packets {
      b.endpoint.receive(packet.span.bytes, from: NodeAddress(ipv4: 10, 1, 0, 1, port: 9), ecn: 0, at: network.now)
    }
    b.endpoint.advance(to: network.now)
    #expect(b.endpoint.counters.handshakesAccepted == 4)
    #expect(b.endpoint.nextDeadline == .zero)
    b.endpoint.advance(to: network.now)
    #expect(b.endpoint.counters.handshakesAccepted == 8)
  }
}
