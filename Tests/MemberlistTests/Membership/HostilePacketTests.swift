import Memberlist
import SerfPrimitives
import Testing
import VectorSupport

/// Whatever a peer sends, the result is a counter and a diagnostic, but never a crash or memory beyond the limits.
@Suite struct HostilePacketTests {
  @Test("mutated vectors crash nothing", arguments: [false, true])
  func mutations(namesAreProven: Bool) throws {
    let vectors = try MemberlistVector.all().compactMap(\.bytes).filter { $0.count < 4096 }
    #expect(vectors.count > 200)
    let subject = Subject { $0.transport.provesNames = namesAreProven }
    for name in ["a", "b", "c"] { subject.alive(NodeName(name), 1) }
    var random = SeededRandom(seed: 99)
    for round in 0..<4000 {
      var bytes = vectors[random.below(vectors.count)]
      for _ in 0..<random.below(4) where !bytes.isEmpty { bytes[random.below(bytes.count)] = UInt8(random.below(256)) }
      if random.chance(0.2) { bytes.removeLast(random.below(bytes.count + 1)) }
      let peer = subject.defaultPeer(["a", "b", "stranger"][random.below(3)])
      if random.chance(0.5) {
        subject.receive(bytes, from: peer)
      } else {
        subject.input {
          $0.exchangeReceived(ExchangeID(1 << 63 + UInt64(round)), message: bytes.span.bytes, from: peer, at: $1)
        }
      }
      if random.chance(0.1) { subject.pass(.milliseconds(100)) }
    }
    #expect(subject.state("me") == .alive)
    #expect(subject.counters.packetsMalformed + subject.counters.messagesMalformed > 100)
    #expect(subject.counters.exchangesMalformed > 100)
    subject.pass(.seconds(60))
    #expect(subject.state("me") == .alive)
    for packet in subject.sent { #expect(!packet.messages.contains { $0.hasPrefix("unreadable") }) }
  }

  @Test("a broken part of a compound does not affect the other parts")
  func broken() {
    let subject = Subject()
    subject.receive(Message.compound(Message.alive("a", 1), [4, 0xc1], Message.alive("b", 1)), from: Subject.peer("a"))
    #expect(subject.state("a") == .alive && subject.state("b") == .alive)
    #expect(subject.counters.messagesMalformed == 1)
  }

  @Test("a bad checksum drops the packet")
  func checksum() {
    let subject = Subject()
    subject.receive([12, 0, 0, 0, 0] + Message.alive("a", 1), from: Subject.peer("a"))
    #expect(subject.membership.count == 1)
    #expect(subject.counters.packetsMalformed == 1)
  }

  @Test("before the start nothing is answered or believed")
  func early() {
    var membership = Membership(.lan, local: GossipMember(name: "me", address: Subject.address("me")), seed: 1)
    let ping = Message.compound(Message.ping(1, to: "me"), Message.alive("a", 1))
    membership.receive(ping.span.bytes, from: Subject.peer("a"), at: .zero)
    let output = membership.nextOutput()
    #expect(output == nil)
    #expect(membership.count == 1)
  }
}
