#if QUIC
  import Memberlist
  import Serf
  import SerfCore
  import SerfPrimitives
  import SerfTestSupport
  import Testing

  /// A member that sends thousands of messages, all of them damaged. The node has to stand whatever the decoders let through.
  @Suite struct NonsenseTests {
    private static let mallory: NodeName = "mallory"

    /// One of each kind, true or not.
    private static func corpus(_ liar: NodeAddress, _ third: VirtualNode) -> [[UInt8]] {
      let entries = [
        Forgery.Entry(name: mallory, address: liar), Forgery.Entry(name: third.name, address: third.address, state: .suspect),
        Forgery.Entry(name: "n4", address: liar, tags: ["a": "b"]),
      ]
      return [
        Forgery.ping(of: "n1", as: mallory), Forgery.indirectPing(of: third.name, as: mallory), Forgery.ack(3), Forgery.nack(4),
        Forgery.suspect(third.name, by: mallory), Forgery.dead("n4", by: mallory), Forgery.alive("n4", at: liar, tags: ["a": "b"]),
        Forgery.alive(mallory, at: liar, incarnation: 7), Forgery.userEvent("event", at: 9), Forgery.joinIntent("n4", at: 9),
        Forgery.leaveIntent("n4", at: 9, prunes: true), Forgery.pushPull(entries),
        Forgery.pushPull(entries, state: Forgery.state(memberTime: 9, eventTime: 9, queryTime: 9, event: "event")),
        Forgery.compound(Forgery.ack(5), Forgery.userEvent("event", at: 10), Forgery.alive("n5", at: liar)),
      ]
    }

    /// Flips bits, cuts off, repeats, or overwrites; mostly a little, sometimes a lot.
    private static func damaged(_ message: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
      var bytes = message
      for _ in 0...random.below(3) where !bytes.isEmpty {
        let place = random.below(bytes.count)
        switch random.below(5) {
        case 0, 1: bytes[place] ^= 1 << UInt8(random.below(8))
        case 2: bytes[place] = [0, 0x7f, 0x80, 0xc1, 0xd9, 0xdf, 0xff][random.below(7)]
        case 3: bytes.removeLast(bytes.count - place)
        default: bytes.insert(contentsOf: bytes[place..<min(place + 1 + random.below(16), bytes.count)], at: place)
        }
      }
      return bytes
    }

    @Test("damaged messages by the thousand leave the cluster whole and its tables small", arguments: 1...4 as ClosedRange<UInt64>)
    func damaged(seed: UInt64) throws {
      let cluster = try EmbeddedCluster.trio(seed: seed)
      let (victim, third) = (cluster.nodes[0], cluster.nodes[2])
      let adversary = Adversary(try cluster.credentials(Self.mallory), on: cluster.network)
      let corpus = Self.corpus(adversary.address, third)
      var random = SeededRandom(seed: seed ^ 0xbad)
      for _ in 0..<100 {
        let moves = (0..<30).map { _ in
          let message = Self.damaged(corpus[random.below(corpus.count)], &random)
          return random.below(4) == 0 ? Adversary.Move.exchange(message) : .packet(message)
        }
        adversary.go(on: victim.address, with: moves)
        cluster.network.advance(by: .milliseconds(100))
      }
      let figures = victim.driver.counters
      #expect(figures.membership.messagesReceived > 500)
      #expect(figures.membership.messagesMalformed + figures.membership.packetsMalformed > 100)
      #expect(figures.exchanges.malformed > 10)

      // What it made the three believe about each other is corrected in time.
      #expect(
        cluster.network.advance(upTo: .seconds(60)) {
          cluster.nodes.allSatisfy { node in
            cluster.nodes.allSatisfy { node.member($0.name)?.status == .alive && node.member($0.name)?.address == $0.address }
          }
        })
      for node in cluster.nodes { #expect(node.driver.members.count < 200) }
    }
  }
#endif
