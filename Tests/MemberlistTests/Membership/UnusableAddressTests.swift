import Memberlist
import SerfPrimitives
import Testing

/// Addresses at which no single node can be: a node that advertises one is no member, and does no harm to other members.
@Suite struct UnusableAddressTests {
  static let addresses = ["0.0.0.0:7946", "[::]:7946", "[::ffff:0.0.0.0]:7946", "224.0.0.1:7946", "[ff02::1]:7946", "255.255.255.255:7946"]

  private func address(_ text: String) throws -> NodeAddress { try #require(NodeAddress(parsing: text, defaultPort: 0)) }

  private func subject(provesNames: Bool) -> Subject {
    Subject {
      $0.transport.provesNames = provesNames
      $0.gossip.interval = .zero
      $0.pushPull.interval = .zero
    }
  }

  @Test("a member there is not listed, told or dialled; the rest of the packet is applied", arguments: addresses, [false, true])
  func gossip(text: String, provesNames: Bool) throws {
    let subject = subject(provesNames: provesNames)
    let packet = Message.compound(Message.alive("x", 1, address: try address(text)), Message.alive("a", 1))
    subject.receive(packet, from: subject.defaultPeer("a"))
    #expect(subject.events == ["a joined"])
    #expect(subject.member("x") == nil)
    #expect(subject.news() == ["alive a 1", "alive me 1"])
    #expect(subject.counters.claimsWithUnusableAddress == 1)
  }

  @Test("a member does not move there, and that is no conflict", arguments: addresses, [false, true])
  func move(text: String, provesNames: Bool) throws {
    let subject = subject(provesNames: provesNames)
    subject.alive("a", 1)
    for state in ["alive", "left"] {
      if state == "left" { subject.left("a", 1) }
      subject.alive("a", 9, address: try address(text))
      #expect(subject.member("a")?.address == Subject.address("a"))
      #expect(subject.state("a")?.description == state)
    }
    #expect(subject.opened.isEmpty)
    #expect(subject.events == ["a joined", "a left"])
    #expect(subject.counters.claimsWithUnusableAddress == 2)
  }

  @Test("a push/pull loses the entries with one, whatever their state, and no others", arguments: addresses, [false, true])
  func pushPull(text: String, provesNames: Bool) throws {
    let subject = subject(provesNames: provesNames)
    for name in ["b", "c", "d"] as [NodeName] { subject.alive(name, 1) }
    let unusable = try address(text)
    let entries: [Message.Entry] =
      [.init(name: "a"), .init(name: "x", address: unusable)]
      + zip(["b", "c", "d"] as [NodeName], 1...3).map { Message.Entry(name: $0, incarnation: 2, state: $1, address: unusable) }
      + [.init(name: "y")]
    let message = Message.pushPull(entries)
    subject.input { $0.exchangeReceived(ExchangeID(1 << 63), message: message.span.bytes, from: subject.defaultPeer("a"), at: $1) }
    #expect(subject.answers.count == 1)
    #expect(subject.state("a") == .alive)
    #expect(subject.state("x") == nil)
    for name in ["b", "c", "d"] as [NodeName] { #expect(subject.state(name) == .alive && subject.incarnation(name) == 1) }
    #expect(subject.counters.claimsWithUnusableAddress == 4)
    // Where names are proven, a name that a node introduces before it is a member here waits until the node says it again.
    #expect(subject.state("y") == .alive)
  }

  @Test("a join fails when the member that answers has one, and says which; what it says of others is merged", arguments: addresses)
  func join(text: String) throws {
    let subject = subject(provesNames: true)
    let unusable = try address(text)
    let reply = Message.pushPull(isJoin: true, [.init(name: "a", address: unusable), .init(name: "b")])
    subject.input { $0.join([JoinTarget(Subject.address("a"))], id: JoinID(1), at: $1) }
    let id = subject.opened[0].id
    subject.input { $0.exchangeCompleted(id, reply: reply.span.bytes, from: Subject.proven("a"), at: $1) }
    #expect(subject.joins.first?.results.map(\.failure) == [.unusableAddress(unusable)])
    #expect(subject.state("a") == nil)
    #expect(subject.state("b") == .alive)
  }

  @Test("that of a third member costs only that member, also in a join")
  func joinThird() throws {
    let subject = subject(provesNames: true)
    let reply = Message.pushPull(isJoin: true, [.init(name: "b", address: try address("0.0.0.0:7946")), .init(name: "a")])
    subject.input { $0.join([JoinTarget(Subject.address("a"))], id: JoinID(1), at: $1) }
    let id = subject.opened[0].id
    subject.input { $0.exchangeCompleted(id, reply: reply.span.bytes, from: Subject.proven("a"), at: $1) }
    #expect(subject.joins.first?.results.map(\.failure) == [nil])
    #expect(subject.state("a") == .alive)
  }

  @Test("where no name is proven, it counts as the answering member's own when no other member can be reached", arguments: [false, true])
  func joinUnproven(hasOthers: Bool) throws {
    let subject = subject(provesNames: false)
    let unusable = try address("0.0.0.0:7946")
    let others: [Message.Entry] = hasOthers ? [.init(name: "b")] : [.init(name: "b", state: 2), .init(name: "me")]
    let reply = Message.pushPull(isJoin: true, [.init(name: "a", address: unusable)] + others)
    subject.input { $0.join([JoinTarget(Subject.address("a"))], id: JoinID(1), at: $1) }
    let id = subject.opened[0].id
    subject.input { $0.exchangeCompleted(id, reply: reply.span.bytes, from: Subject.peer("a"), at: $1) }
    #expect(subject.joins.first?.results.map(\.failure) == [hasOthers ? nil : .unusableAddress(unusable)])
  }

  @Test("in a claim about ourselves it is outdone: others may believe it")
  func ownAddress() throws {
    let subject = subject(provesNames: true)
    subject.alive("b", 1)
    subject.alive("me", 5, address: try address("0.0.0.0:7946"), from: Subject.proven("b"))
    #expect(subject.incarnation("me") == 6)
  }

  @Test("port 0 stands for our own port, as with Go")
  func portZero() throws {
    let subject = subject(provesNames: false)
    subject.alive("a", 1, address: Subject.address("a").with(port: 0))
    let message = Message.pushPull([.init(name: "b", address: Subject.address("b").with(port: 0))])
    subject.input { $0.exchangeReceived(ExchangeID(1 << 63), message: message.span.bytes, from: Subject.peer("b"), at: $1) }
    #expect(subject.member("a")?.address == Subject.address("a"))
    #expect(subject.member("b")?.address == Subject.address("b"))
    #expect(subject.counters.claimsWithUnusableAddress == 0)
  }
}
