#if QUIC
  import Memberlist
  import Serf
  import SerfCore
  import SerfPrimitives
  import SerfQUIC
  import SerfTestSupport
  import SerfTransport
  import SerfWire
  import Testing

  /// What a member with a good certificate cannot do to others (`secure-transport.md` 1.4–1.6, 1.9, 1.10, and "Bad input").
  @Suite struct LiarTests {
    private static let marker = "q7marker"
    private static let mallory: NodeName = "mallory"

    /// All that a node counts.
    struct Figures {
      let membership: MembershipCounters
      let node: NodeCounters
      let exchanges: ExchangeCounters
      let streamsRefused: Int

      init(_ node: VirtualNode) {
        (membership, self.node, exchanges) = node.driver.counters
        streamsRefused = node.counter("streams_refused")
      }
    }

    /// The scene of a lie: the liar, and the member that it is about.
    struct Scene {
      let liar: NodeAddress
      let third: NodeName = "n3"
      let thirdAddress: NodeAddress

      /// A push/pull with the liar's own entry, which is required, and more.
      func pushPull(_ entries: [Forgery.Entry] = [], state: [UInt8] = []) -> [UInt8] {
        Forgery.pushPull([.init(name: mallory, address: liar)] + entries, state: state)
      }
    }

    struct Lie: CustomTestStringConvertible, Sendable {
      let testDescription: String
      /// What the victim's log says.
      let line: String?
      /// What the victim counts.
      let counter: @Sendable (Figures) -> any BinaryInteger
      var closes = false
      let moves: @Sendable (Scene) -> [Adversary.Move]

      init(
        _ description: String, _ line: String?, closes: Bool = false, _ counter: @escaping @Sendable (Figures) -> any BinaryInteger,
        moves: @escaping @Sendable (Scene) -> [Adversary.Move]
      ) {
        (testDescription, self.line, self.counter, self.closes, self.moves) = (description, line, counter, closes, moves)
      }
    }

    private static let tags = ["marker": marker]
    private static let foreignVersions = ProtocolVersions(
      protocolMinimum: 1, protocolMaximum: 1, protocolCurrent: 1, delegateMinimum: 2, delegateMaximum: 5, delegateCurrent: 5)
    private static let tooHigh = UInt32.max - (1 << 20) + 1

    static let names: [Lie] = [
      Lie("a ping from another name", "it speaks for n3", closes: true, { $0.membership.claimedOtherName }) {
        [.packet(Forgery.ping(of: "n1", as: $0.third))]
      },
      Lie("an indirect ping from another name", "it speaks for n3", closes: true, { $0.membership.claimedOtherName }) {
        [.packet(Forgery.indirectPing(of: "n2", as: $0.third))]
      },
      Lie("a good message beside a ping from another name", "it speaks for n3", closes: true, { $0.membership.claimedOtherName }) {
        [.packet(Forgery.compound(Forgery.alive(mallory, at: $0.liar, tags: tags), Forgery.ping(of: "n1", as: $0.third)))]
      },
      Lie("a reliable ping from another name", "it speaks for n3", closes: true, { $0.membership.claimedOtherName }) {
        [.exchange(Forgery.ping(of: "n1", as: $0.third))]
      },
      Lie("a push/pull without its own entry", "the connection's certificate does not", closes: true, { $0.membership.claimedOtherName }) {
        [.exchange(Forgery.pushPull([.init(name: "n4", address: $0.liar, tags: tags)]))]
      },
      Lie("a push/pull of nobody", "the connection's certificate does not", closes: true, { $0.membership.claimedOtherName }) { _ in
        [.exchange(Forgery.pushPull([]))]
      },
    ]

    static let thirdParties: [Lie] = [
      Lie("a third node at our address", "the address proves another name: mallory", { $0.membership.addressDials }) {
        [.packet(Forgery.alive($0.third, at: $0.liar, incarnation: 1000, tags: tags))]
      },
      Lie("a third node at our address, in a push/pull", "the address proves another name: mallory", { $0.membership.addressDials }) {
        [.exchange($0.pushPull([.init(name: $0.third, address: $0.liar, incarnation: 1000, tags: tags)]))]
      },
      Lie("the death of a third node", "but we hear from it; probing", { $0.membership.doubtfulDeaths }) {
        [.packet(Forgery.dead($0.third, incarnation: 1000, by: mallory))]
      },
      Lie("the farewell of a third node", "but we hear from it; probing", { $0.membership.doubtfulDeaths }) {
        [.packet(Forgery.dead($0.third, incarnation: 1000, by: $0.third))]
      },
      Lie("the farewell of a third node, in a push/pull", "but we hear from it; probing", { $0.membership.doubtfulDeaths }) {
        [.exchange($0.pushPull([.init(name: $0.third, address: $0.thirdAddress, incarnation: 1000, state: .left)]))]
      },
      Lie("the suspicion of a third node, under many names", "n3 is suspected by", { $0.membership.suspicions }) { scene in
        (0..<20).map { .packet(Forgery.suspect(scene.third, incarnation: 1000, by: NodeName("accuser-\($0)"))) }
      },
      Lie("that a third node leaves", nil, { $0.node.messagesReceived }) {
        [.packet(Forgery.leaveIntent($0.third, at: 1000))]
      },
      Lie("that a third node leaves and is to be forgotten", nil, { $0.node.messagesReceived }) {
        [.packet(Forgery.leaveIntent($0.third, at: 1000, prunes: true))]
      },
    ]

    static let numbers: [Lie] = [
      Lie("an incarnation near 2^32 of a third node", nil, { $0.membership.messagesReceived }) {
        [.packet(Forgery.alive($0.third, at: $0.thirdAddress, incarnation: tooHigh, tags: tags))]
      },
      Lie("a death at an incarnation near 2^32", "too high to be refuted", { $0.membership.claimsWithHighIncarnation }) {
        [.packet(Forgery.dead($0.third, incarnation: .max, by: mallory))]
      },
      Lie("a suspicion at an incarnation near 2^32", "too high to be refuted", { $0.membership.claimsWithHighIncarnation }) {
        [.packet(Forgery.suspect($0.third, incarnation: .max, by: mallory))]
      },
      Lie("the last incarnation of a third node, in a push/pull", nil, { $0.node.joins }) {
        [.exchange($0.pushPull([.init(name: $0.third, address: $0.thirdAddress, incarnation: .max, tags: tags)]))]
      },
      Lie("a death near 2^32 in a push/pull", "too high to be refuted", { $0.membership.claimsWithHighIncarnation }) {
        [.exchange($0.pushPull([.init(name: $0.third, address: $0.thirdAddress, incarnation: .max, state: .dead)]))]
      },
      Lie("an event near Lamport time 2^64", "too far ahead to be true", { $0.node.implausibleTimes }) { _ in
        [.packet(Forgery.userEvent(marker, at: .max))]
      },
      Lie("a leave near Lamport time 2^64", "too far ahead to be true", { $0.node.implausibleTimes }) {
        [.packet(Forgery.leaveIntent($0.third, at: .max - 1))]
      },
      Lie("a pruning leave near Lamport time 2^64", "too far ahead to be true", { $0.node.implausibleTimes }) {
        [.packet(Forgery.leaveIntent($0.third, at: .max, prunes: true))]
      },
      Lie("a join near Lamport time 2^64", "too far ahead to be true", { $0.node.implausibleTimes }) {
        [.packet(Forgery.joinIntent($0.third, at: .max))]
      },
      Lie("clocks near 2^64 in a push/pull", "too far ahead to be true", { $0.node.implausibleTimes }) {
        [.exchange($0.pushPull(state: Forgery.state(memberTime: .max, eventTime: .max, queryTime: .max, event: marker)))]
      },
    ]

    static let garbage: [Lie] = [
      Lie("a packet of no known type", "unexpected", { $0.membership.packetsMalformed + $0.membership.messagesMalformed }) { _ in
        [.packet([99, 1, 2, 3])]
      },
      Lie("a message that breaks off", "dropped", { $0.membership.messagesMalformed }) {
        [.packet(Forgery.alive("n4", at: $0.liar, tags: tags).dropLast(5))]
      },
      Lie("a compound that breaks off", "dropped", { $0.membership.packetsMalformed }) {
        [.packet(Forgery.compound(Forgery.ack(1), Forgery.alive("n4", at: $0.liar, tags: tags)).dropLast(5))]
      },
      Lie("noise", "dropped", { $0.membership.packetsMalformed + $0.membership.messagesMalformed }) { _ in
        [.packet([UInt8](repeating: 4, count: 900))]
      },
      Lie("a packet larger than any", nil, { $0.streamsRefused }) { _ in
        [.packet([UInt8](repeating: 4, count: 100_000))]
      },
      Lie("a large packet of noise", "dropped", { $0.membership.packetsMalformed + $0.membership.messagesMalformed }) { _ in
        [.packet([UInt8](repeating: 4, count: 60_000))]
      },
      Lie("no address", "the address is not valid", { $0.membership.claimsWithBadAddress }) { _ in
        [.packet(Forgery.alive("n4", at: nil, tags: tags))]
      },
      Lie("no versions", "its protocol versions are not valid", { $0.membership.claimsWithBadVersions }) {
        [.packet(Forgery.alive("n4", at: $0.liar, tags: tags, versions: nil))]
      },
      Lie("versions that nobody understands", "or do not fit the cluster's", { $0.membership.claimsWithBadVersions }) {
        [.packet(Forgery.alive("n4", at: $0.liar, tags: tags, versions: foreignVersions))]
      },
      Lie("versions that nobody understands, in a push/pull", "or do not fit the cluster's", { $0.membership.claimsWithBadVersions }) {
        [.exchange($0.pushPull([.init(name: "n4", address: $0.liar, tags: tags, versions: foreignVersions)]))]
      },
      Lie("too many tags", "the tags exceed 512 bytes", { $0.membership.claimsWithLongMeta }) {
        [.packet(Forgery.alive("n4", at: $0.liar, tags: ["marker": marker + String(repeating: "x", count: 600)]))]
      },
      Lie("a name too long", "the name is missing or too long", { $0.membership.claimsWithBadName }) {
        [.packet(Forgery.alive(NodeName(marker + String(repeating: "x", count: 600)), at: $0.liar))]
      },
      Lie("no name", "the name is missing or too long", { $0.membership.claimsWithBadName }) {
        [.packet(Forgery.alive("", at: $0.liar, tags: tags))]
      },
      Lie("acks and nacks that nobody waits for", nil, { $0.membership.strayAcks + $0.membership.strayNacks }) { _ in
        [.packet(Forgery.compound(Forgery.ack(7), Forgery.nack(8), Forgery.ack(.max)))]
      },
      Lie("a ping for somebody else", "which we are not", { $0.membership.pingsForOthers }) {
        [.packet(Forgery.ping(of: $0.third, as: mallory))]
      },
      Lie("a ping on behalf of us to nobody", nil, { $0.membership.indirectPingsToUnknown }) { _ in
        [.packet(Forgery.indirectPing(of: "n4", as: mallory))]
      },
      Lie("a Serf message of no known type", "unknown type", { $0.node.messagesUnknown }) { _ in
        [.packet(Forgery.user { $0 = [77, 0x80] })]
      },
      Lie("a Serf message that breaks off", "dropped a message", { $0.node.messagesMalformed }) { _ in
        [.packet(Forgery.userEvent(marker, at: 5).dropLast(3))]
      },
      Lie("an empty Serf message", "dropped a message", { $0.node.messagesMalformed }) { _ in
        [.packet(Forgery.user { _ in })]
      },
      Lie("a Serf state that is none", "dropped a message", { $0.node.statesMalformed }) {
        [.exchange($0.pushPull(state: [2, 0xc1]))]
      },
      Lie("a request of no known type", "gave up a request", { $0.exchanges.malformed }) { _ in [.exchange([99, 1, 2])] },
      Lie("a request with something behind it", "gave up a request", { $0.exchanges.malformed }) {
        [.exchange($0.pushPull([.init(name: "n4", address: $0.liar, tags: tags)]) + [0])]
      },
      Lie("a request that breaks off", "gave up a request", { $0.exchanges.malformed }) {
        [.exchange($0.pushPull([.init(name: "n4", address: $0.liar, tags: tags)]).dropLast(1))]
      },
      Lie("a request that comes a byte a second", "not complete, or not answered, in time", { $0.exchanges.expired }) {
        [.trickle($0.pushPull([.init(name: "n4", address: $0.liar, tags: tags)]))]
      },
      Lie("a request that is a reply", "dropped a packet", { $0.membership.exchangesMalformed }) { _ in
        [.exchange(Forgery.ack(1))]
      },
      Lie("an entry in no known state", "the state is unknown", { $0.membership.claimsWithBadState }) {
        var message = $0.pushPull([.init(name: "n4", address: $0.liar, tags: tags)])
        let key = Array("State".utf8)
        if let last = message.indices.last(where: { message[$0...].starts(with: key) }) { message[last + key.count] = 9 }
        return [.exchange(message)]
      },
    ]

    @Test("a lie is dropped with a counter and a line, and does no harm", arguments: names + thirdParties + numbers + garbage)
    func lie(lie: Lie) async throws {
      let cluster = try EmbeddedCluster.trio(seed: 5)
      let victim = cluster.nodes[0]
      let third = cluster.nodes[2]
      let adversary = Adversary(try cluster.credentials(Self.mallory), on: cluster.network)
      // The third node is heard from just before.
      third.userEvent("here")
      cluster.network.advance(by: .milliseconds(250))
      let before = Figures(victim)
      adversary.attack(victim.address, with: lie.moves(Scene(liar: adversary.address, thirdAddress: third.address)))
      cluster.network.advance(by: .seconds(12))

      #expect(adversary.isEstablished)
      #expect(Int(lie.counter(Figures(victim))) > Int(lie.counter(before)))
      if let line = lie.line { #expect(victim.lines.contains(line), "\(victim.lines.lines.suffix(12))") }
      if lie.closes {
        #expect(adversary.end == .closedByPeer(.claimedOtherName))
        for node in cluster.nodes { #expect(node.member(Self.mallory) == nil) }
      } else {
        // It answers no probe, so after some time other connections to it are tried.
        #expect([nil, .closedByPeer(.none), .closedByPeer(.replaced)].contains(adversary.end))
      }
      await cluster.expectUnharmed(without: Self.marker)
    }

    /// Answers to a join that prove nothing, and how the joining node handles them.
    static let answers: [(what: String, reason: String, answer: @Sendable (NodeAddress) -> [UInt8])] = [
      ("nobody", "unproven", { _ in Forgery.pushPull([]) }),
      ("others only", "unproven", { Forgery.pushPull([.init(name: "n4", address: $0, tags: tags)]) }),
      (
        "itself, dead, and others", "unproven",
        {
          Forgery.pushPull([
            .init(name: mallory, address: $0, state: .dead, tags: tags), .init(name: "n4", address: $0, tags: tags),
          ])
        }
      ),
      ("noise", "contact", { _ in [99, 1, 2] }),
      ("nothing", "malformed", { _ in [] }),
    ]

    @Test("a join whose answer does not prove the answerer fails, and nothing of the answer is used", arguments: answers.indices)
    func joinAnswer(index: Int) async throws {
      let (what, reason, answer) = Self.answers[index]
      let cluster = try EmbeddedCluster.trio(seed: 7)
      let victim = cluster.nodes[0]
      let adversary = Adversary(try cluster.credentials(Self.mallory), on: cluster.network)
      adversary.answer = answer(adversary.address)
      let join = victim.join(adversary.address)
      #expect(cluster.network.advance(upTo: .seconds(15)) { join.failures != nil })
      cluster.network.advance(by: .seconds(3))
      #expect(!join.succeeded, "\(what)")
      #expect(join.failures?.first?.contains(reason) == true, "\(what): \(join.failures ?? [])")
      for node in cluster.nodes { #expect(node.member(Self.mallory) == nil && node.member("n4") == nil) }
      await cluster.expectUnharmed(without: Self.marker)
    }

    @Test("a join that names its target is told which member answers instead, and sends nothing to it")
    func joinByName() async throws {
      let cluster = try EmbeddedCluster.trio(seed: 8)
      let victim = cluster.nodes[0]
      let adversary = Adversary(try cluster.credentials(Self.mallory), on: cluster.network)
      adversary.answer = Forgery.pushPull([.init(name: Self.mallory, address: adversary.address, tags: Self.tags)])
      let join = victim.join(adversary.address, name: "n4")
      #expect(cluster.network.advance(upTo: .seconds(15)) { join.failures != nil })
      cluster.network.advance(by: .seconds(3))
      #expect(join.failures?.first?.contains("identityMismatch") == true, "\(join.failures ?? [])")
      #expect(adversary.received.isEmpty)
      #expect(victim.lines.contains("cannot reach n4", "the address proves another name: mallory"))
      await cluster.expectUnharmed(without: Self.marker)
    }

    @Test("a flood of names fills the table up to its limit and no further")
    func flood() async throws {
      let cluster = try EmbeddedCluster.trio(seed: 6) { $0.limits.newNamesPerPeerPerMinute = 30 }
      let victim = cluster.nodes[0]
      let adversary = Adversary(try cluster.credentials(Self.mallory), on: cluster.network)
      let nobody = NodeAddress(ipv4: 10, 9, 9, 9, port: 7946)
      let names = (0..<300).map { Forgery.Entry(name: NodeName("nobody-\($0)"), address: nobody) }
      adversary.attack(
        victim.address,
        with: [.exchange(Forgery.pushPull([.init(name: Self.mallory, address: adversary.address)] + names))]
          + names.map { .packet(Forgery.alive($0.name, at: nobody)) })
      cluster.network.advance(by: .seconds(2))
      #expect(victim.driver.counters.membership.membersRefused > 200)
      #expect(victim.driver.members.count <= 4 + 30)
      #expect(victim.lines.contains("new names from one peer in a minute"))
      for node in cluster.nodes.dropFirst() { #expect(node.driver.members.count <= 4 + 2 * 30) }
      cluster.network.advance(by: .seconds(20))
      await cluster.expectUnharmed(without: Self.marker)
    }
  }
#endif
