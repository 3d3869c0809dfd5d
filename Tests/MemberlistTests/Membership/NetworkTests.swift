import Memberlist
import SerfPrimitives
import Testing

@Suite struct NetworkTests {
  private let outside = NodeAddress(ipv4: 192, 168, 0, 1, port: 7946)

  private func subject(_ networks: String...) throws -> Subject {
    let blocks = try networks.map { try #require(CIDRBlock(parsing: $0)) }
    return Subject { $0.transport.allowedNetworks = AllowedNetworks(blocks) }
  }

  @Test("a member outside of the allowed networks is not listed, told or relayed")
  func gossip() throws {
    let subject = try subject("10.0.0.0/8", "fd00::/8")
    subject.alive("a", address: outside)
    subject.alive("b", address: outside.mapped)
    #expect(subject.membership.count == 1)
    #expect(subject.events.isEmpty)
    #expect(subject.news() == ["alive me 1"])
    #expect(subject.counters.claimsOutsideNetworks == 2)
    subject.alive("c")
    subject.alive("d", address: Subject.address("d").mapped)
    subject.alive("e", address: NodeAddress(parsing: "[fd00::7]:7946", defaultPort: 0))
    #expect(subject.events == ["c joined", "d joined", "e joined"])
  }

  @Test("a push/pull brings only members of the allowed networks")
  func pushPull() throws {
    let subject = try subject("10.0.0.0/8")
    let message = Message.pushPull([.init(name: "a"), .init(name: "b", address: outside), .init(name: "c")])
    subject.input { $0.exchangeReceived(ExchangeID(1), message: message.span.bytes, from: Subject.peer("a"), at: $1) }
    #expect(subject.events == ["a joined", "c joined"])
    #expect(subject.counters.claimsOutsideNetworks == 1)
  }

  @Test("a member does not move outside, whatever its incarnation and state")
  func move() throws {
    let subject = try subject("10.0.0.0/8")
    subject.alive("a")
    subject.left("a")
    subject.events = []
    subject.alive("a", 9, address: outside)
    #expect(subject.state("a") == .left)
    #expect(subject.member("a")?.address == Subject.address("a"))
    #expect(subject.events.isEmpty)
  }

  @Test("our own address may be outside: claims about us are answered as usual")
  func own() throws {
    let subject = try subject("192.168.0.0/16")
    subject.alive("me", 5)
    #expect(subject.incarnation("me") == 6)
    #expect(subject.counters.claimsOutsideNetworks == 0)
  }

  @Test("the address that a ping states gets no ack when it is outside, or cannot be a node's; the ping is counted")
  func ack() throws {
    let subject = try subject("10.0.0.0/8")
    let from = Subject.peer("a")
    for source in [outside, outside.mapped, NodeAddress(ipv4: 224, 0, 0, 1, port: 7946)] {
      subject.receive(Message.ping(1, to: "me", from: "a", at: source), from: from)
    }
    #expect(subject.sent.isEmpty)
    #expect(subject.counters.addressesRefused == 3)
    subject.receive(Message.ping(1, to: "me", from: "a", at: Subject.address("b")), from: from)
    subject.receive(Message.ping(2, to: "me", from: "a"), from: from)
    #expect(subject.sent.map(\.to) == [.member("a", Subject.address("b")), .reply(from)])
    #expect(subject.counters.addressesRefused == 3)
  }

  @Test("nothing is pinged, acked or nacked for another member outside of these networks", arguments: [true, false])
  func relay(isTargetOutside: Bool) throws {
    let subject = try subject("10.0.0.0/8")
    let inside = Subject.address("t")
    subject.receive(
      Message.indirectPing(7, to: "t", target: isTargetOutside ? outside : inside, from: "a", at: isTargetOutside ? inside : outside),
      from: Subject.peer("a"))
    subject.pass(.seconds(2))
    #expect(!subject.sent.contains { $0.messages.contains { $0.contains("ping t") || $0.hasPrefix("nack") } })
    #expect(subject.counters.addressesRefused == 1)
    subject.receive(Message.indirectPing(7, to: "t", target: inside, from: "a", at: Subject.address("a")), from: Subject.peer("a"))
    #expect(subject.sent.contains { $0.to == .member("t", inside) }, "the positive control")
  }

  @Test("where names are proven an ack goes back on its connection, whatever address the ping states")
  func provenAck() throws {
    let allowed = try #require(CIDRBlock(parsing: "10.0.0.0/8"))
    let subject = Subject {
      $0.transport.provesNames = true
      $0.transport.allowedNetworks = AllowedNetworks([allowed])
    }
    subject.receive(Message.ping(1, to: "me", from: "a", at: outside), from: Subject.proven("a"))
    #expect(subject.sent.map(\.to) == [.reply(Subject.proven("a"))])
    #expect(subject.counters.addressesRefused == 0)
  }

  @Test("no networks at all means all networks")
  func all() throws {
    let subject = try subject()
    subject.alive("a", address: outside)
    #expect(subject.events == ["a joined"])
  }
}
