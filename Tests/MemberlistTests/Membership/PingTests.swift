import Memberlist
import SerfPrimitives
import Testing

private let away = NodeAddress(ipv4: 10, 7, 7, 7, port: 77)

@Suite struct PingTests {
  @Test("a ping is acked with its number and our payload, to the address that it states")
  func ping() throws {
    let subject = Subject()
    subject.membership.setAckPayload(([4, 2] as [UInt8]).span.bytes)
    subject.receive(Message.ping(42, to: "me", from: "a", at: away), from: Subject.peer("a"))
    let packet = try #require(subject.sent.last)
    #expect(packet.to == .member("a", away))
    #expect(packet.messages == ["ack 42", "alive me 1"], "queued news ride along")
    #expect(!packet.checksummed)
    #expect(packet.bytes.contains(subsequence: [0xa2, 4, 2]))
  }

  @Test("one that states no address is answered where it came from")
  func bare() {
    let subject = Subject()
    subject.receive(Message.ping(42, to: "me"), from: Subject.peer("a"))
    #expect(subject.sent.last?.to == .reply(Subject.peer("a")))
    subject.receive(Message.ping(43, to: ""), from: Subject.peer("a"))
    #expect(subject.sent.last?.messages.first == "ack 43", "an old ping names nobody")
  }

  @Test("a ping for another name is not answered")
  func other() {
    let subject = Subject()
    subject.receive(Message.ping(42, to: "you"), from: Subject.peer("a"))
    #expect(subject.sent.isEmpty)
    #expect(subject.counters.pingsForOthers == 1)
  }

  @Test("three pings in a compound give three acks")
  func compound() {
    let subject = Subject()
    let pings = (1...3).map { Message.ping($0, to: "me") }
    subject.receive(Message.compound(pings[0], pings[1], pings[2]), from: Subject.peer("a"))
    #expect(subject.sent.flatMap(\.messages).filter { $0.hasPrefix("ack") } == ["ack 1", "ack 2", "ack 3"])
  }

  // MARK: Relays

  private func relaying(nack: Bool = true) throws -> (Subject, UInt32) {
    let subject = Subject {
      $0.gossip.interval = .zero
      $0.probe.interval = .zero
      $0.pushPull.interval = .zero
    }
    subject.receive(
      Message.indirectPing(7, to: "t", target: away, from: "a", at: Subject.address("a"), nack: nack), from: Subject.peer("a"))
    let packet = try #require(subject.sent.last)
    #expect(packet.to == .member("t", away))
    let number = try #require(UInt32(packet.messages[0].split(separator: " ")[2]))
    #expect(packet.messages[0] == "ping t \(number)")
    subject.sent = []
    return (subject, number)
  }

  @Test("a relayed ping's ack goes to the asking member, with its number, and then there is no nack")
  func relay() throws {
    let (subject, number) = try relaying()
    subject.receive(Message.ack(number, payload: [1]), from: Peer(address: away))
    #expect(subject.sent.map(\.to) == [.member("a", Subject.address("a"))])
    #expect(subject.sent.last?.messages.first == "ack 7")
    #expect(subject.sent.last?.bytes.contains(subsequence: Array("Payload".utf8) + [0xc0]) == true, "the payload is not passed on")
    subject.pass(.seconds(2))
    #expect(!subject.sent.flatMap(\.messages).contains { $0.hasPrefix("nack") })
    subject.receive(Message.ack(number), from: Peer(address: away))
    #expect(subject.sent.count == 1, "an ack counts once")
  }

  @Test("a silent target gives a nack after the probe timeout, if one was asked for", arguments: [true, false])
  func nack(isAsked: Bool) throws {
    let (subject, _) = try relaying(nack: isAsked)
    subject.pass(.milliseconds(499))
    #expect(subject.sent.isEmpty)
    subject.pass(.milliseconds(1))
    #expect(subject.sent.flatMap(\.messages).filter { $0.hasPrefix("nack") } == (isAsked ? ["nack 7"] : []))
  }

  @Test("an ack after the timeout is not relayed")
  func late() throws {
    let (subject, number) = try relaying(nack: false)
    subject.pass(.milliseconds(500))
    subject.receive(Message.ack(number), from: Peer(address: away))
    #expect(subject.sent.isEmpty)
    #expect(subject.counters.strayAcks == 1)
  }

  @Test("the number of relays in progress has a limit, answered ones included until their time is over")
  func relayLimit() {
    let subject = Subject {
      $0.limits.relays = 5
      $0.probe.interval = .zero
      $0.pushPull.interval = .zero
    }
    for number in 0..<10 as Range<UInt32> {
      subject.receive(Message.indirectPing(number, to: "t", target: away, from: "a"), from: Subject.peer("a"))
    }
    #expect(subject.counters.relaysRefused == 5)
    subject.pass(.milliseconds(500))
    subject.receive(Message.indirectPing(11, to: "t", target: away, from: "a"), from: Subject.peer("a"))
    #expect(subject.counters.relaysRefused == 5)
  }

  @Test("an indirect ping without an address goes nowhere")
  func noTarget() {
    let subject = Subject()
    subject.receive(Message.indirectPing(7, to: "t", target: nil, from: "a"), from: Subject.peer("a"))
    #expect(subject.sent.isEmpty)
    #expect(subject.counters.indirectPingsToUnknown == 1)
  }

  // MARK: The user's pings

  @Test("a user's ping measures the round trip, and has no effect on the member")
  func user() throws {
    let subject = Subject { $0.probe.interval = .zero }
    subject.alive("a", 1)
    subject.input { $0.ping("a", id: PingID(1), at: $1) }
    let packet = try #require(subject.sent.last)
    let number = try #require(UInt32(packet.messages[0].split(separator: " ")[2]))
    subject.now += .milliseconds(3)
    subject.receive(Message.ack(number), from: Subject.peer("a"))
    subject.input { $0.ping("a", id: PingID(2), at: $1) }
    subject.pass(.milliseconds(500))
    subject.input { $0.ping("b", id: PingID(3), at: $1) }
    subject.input { $0.ping("a", id: PingID(4), at: $1) }
    let id = try #require(subject.sent.last?.id)
    subject.input { $0.packetNotSent(id, reason: .notSent, at: $1) }
    subject.pass(.seconds(1))
    #expect(subject.pings.map(\.id) == [PingID(1), PingID(2), PingID(3), PingID(4)])
    #expect(
      subject.pings.map(\.result) == [.answered(roundTrip: .milliseconds(3)), .timedOut, .unknownMember, .notSent(.notSent)])
    #expect(subject.score == 0)
    #expect(subject.state("a") == .alive)
  }

  @Test("stray acks and nacks are counted and do nothing")
  func stray() {
    let subject = Subject()
    subject.receive(Message.ack(99), from: Subject.peer("a"))
    subject.receive(Message.nack(99), from: Subject.peer("a"))
    #expect(subject.sent.isEmpty)
    #expect(subject.counters.strayAcks == 1 && subject.counters.strayNacks == 1)
  }
}

extension [UInt8] {
  func contains(subsequence: [UInt8]) -> Bool {
    guard count >= subsequence.count else { return false }
    return (0...count - subsequence.count).contains { Array(self[$0..<$0 + subsequence.count]) == subsequence }
  }
}
