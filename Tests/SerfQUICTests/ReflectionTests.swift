import SerfPrimitives
import SerfQUIC
import Testing

/// What an attacker who writes a victim's address into its packets makes us send there: at any moment at most three times as much as arrived in its
/// name (RFC 9000, 8.1).
@Suite struct ReflectionTests {
  private let network = EndpointNetwork()
  private let b: TestNode
  private let victim = NodeAddress(ipv4: 192, 0, 2, 7, port: 7946)
  private let traffic = Traffic()

  private final class Traffic {
    var received = 0
    var reflected = 0
    var excess = 0
  }

  init() {
    b = network.node("b", number: 2) { $0.statelessRepliesPerSecond = 100 }
    network.intercept = { [traffic, victim] datagram in
      if datagram.destination == victim {
        traffic.reflected += datagram.bytes.count
        traffic.excess = max(traffic.excess, traffic.reflected - 3 * traffic.received)
      }
      return [datagram]
    }
  }

  /// One packet in the victim's name, and some time.
  private func spoof(_ packet: [UInt8], then time: Duration = .milliseconds(20)) {
    traffic.received += packet.count
    network.inject(packet, from: victim, to: b.address)
    network.run(for: time)
  }

  @Test("a first flight, and what is sent again because no answer comes")
  func firstFlight() {
    for packet in FirstPackets.make(3) { spoof(packet, then: .seconds(12)) }
    #expect(b.endpoint.counters.handshakesAccepted == 3)
    #expect(traffic.reflected > 0 && traffic.excess == 0)
  }

  @Test("a minute of first packets in the name of a known address")
  func knownAddress() {
    let member = network.node("a", at: victim)
    let id = member.dial(b)
    #expect(network.run(for: .seconds(1)) { member.confirmed.contains(id) })
    member.endpoint.close(id, .none, at: network.now)
    network.run(for: .seconds(1))
    network.disconnect(victim)
    (traffic.received, traffic.reflected, traffic.excess) = (0, 0, 0)
    let packets = FirstPackets.make(600)
    for number in 0..<1800 { spoof(packets[number % 600], then: .microseconds(33_333)) }
    #expect(b.endpoint.counters.retries > 1000)
    #expect(traffic.excess == 0)
    // Far less, because all but four at a time have to give a proof.
    #expect(traffic.reflected < traffic.received / 2)
  }

  @Test("another version, and packets that belong to no connection")
  func stateless() {
    var packet = FirstPackets.make(1)[0]
    packet.replaceSubrange(1..<5, with: [0x0a, 0x1a, 0x2a, 0x3a])
    spoof(packet)
    #expect(b.endpoint.counters.versionNegotiations == 1)
    // A packet shorter than a first packet gets no answer.
    spoof(Array(packet.prefix(100)))
    #expect(b.endpoint.counters.versionNegotiations == 1)
    for length in 21..<200 { spoof([0x40] + TrafficTests.bytes(length - 1)) }
    #expect(b.endpoint.counters.resetsSent > 100)
    #expect(traffic.excess == 0)
  }

  @Test("a token of another address")
  func stolenToken() throws {
    let a = network.node("a", number: 1)
    let strict = network.node("c", number: 3) { $0.retryThreshold = 0 }
    let outer = network.intercept
    var stolen: [UInt8]?
    network.intercept = { datagram in
      guard datagram.source == a.address, strict.endpoint.counters.retries > 0 else { return outer?(datagram) ?? [] }
      stolen = stolen ?? datagram.bytes
      return []
    }
    _ = a.dial(strict)
    network.run(for: .milliseconds(20))
    let packet = try #require(stolen)
    traffic.received += packet.count
    network.inject(packet, from: victim, to: strict.address)
    network.run(for: .milliseconds(20))
    #expect(strict.endpoint.counters.invalidTokens == 1)
    #expect(traffic.reflected > 0)
    #expect(traffic.excess == 0)
  }

  @Test("the end of a handshake that fails, which is sent again for later packets")
  func failedHandshake() {
    let packet = FirstPackets.make(1) { $0.applicationProtocol = "other/1" }[0]
    spoof(packet)
    #expect(b.endpoint.counters.handshakesFailed == 1)
    // Short packets of the same connection: its ID comes after the version.
    let header = Array(packet.prefix(6 + Int(packet[5])))
    for _ in 0..<600 { spoof(header + [UInt8](repeating: 0, count: 21 - min(21, header.count)), then: .microseconds(100)) }
    #expect(traffic.reflected > 0 && traffic.excess == 0)
  }

  @Test("a path that a packet taken from a member's connection seems to open")
  func path() throws {
    let a = network.node("a", number: 1)
    let id = a.dial(b)
    #expect(network.run(for: .seconds(1)) { a.confirmed.contains(id) && b.hellos.count == 1 })
    network.run(for: .seconds(1))
    // Another port of the member's address; from another address it would not be accepted. The attacker is faster than the packet that it copies.
    let victim = a.address.with(port: 4242)
    network.intercept = { [traffic] datagram in
      var datagram = datagram
      if datagram.source == a.address {
        datagram.source = victim
        traffic.received += datagram.bytes.count
      } else if datagram.destination == victim {
        traffic.reflected += datagram.bytes.count
        traffic.excess = max(traffic.excess, traffic.reflected - 3 * traffic.received)
      }
      return [datagram]
    }
    a.send([1], on: id)
    network.run(for: .seconds(5))
    #expect(b.packetCount == 1)
    #expect(traffic.reflected > 0 && traffic.excess == 0)
  }
}
