import Memberlist
import SerfCore
import SerfPrimitives
import Testing

@Suite("hostile input")
struct HostileInputTests {
  @Test("of types that do not travel alone, or do not exist, is counted", arguments: 0...255 as ClosedRange<UInt8>)
  func types(type: UInt8) throws {
    let node = try TestNode()
    node.gossip([type])
    #expect(node.core.counters.messagesMalformed + node.core.counters.messagesUnknown == 1)
    #expect(node.core.counters.messagesReceived == 1)
  }

  @Test("of no bytes is counted")
  func empty() throws {
    let node = try TestNode()
    node.gossip([])
    #expect(node.core.counters.messagesMalformed == 1)
  }

  @Test("cut off anywhere is refused without effect")
  func truncated() throws {
    let node = try TestNode()
    for message in [[UInt8].join("a", at: 1), .leave("a", at: 2), .userEvent("e", [1, 2], at: 3), .query(1, at: 4)] {
      for length in 1..<message.count { node.gossip(Array(message.prefix(length))) }
    }
    #expect(node.queuedIntents == 0)
    #expect(node.events.count == 1)
    #expect(node.core.counters.messagesMalformed == node.core.counters.messagesReceived)
  }

  @Test("mutated at random neither stops the node nor grows it")
  func mutated() throws {
    let node = try TestNode()
    node.meet("a")
    var random = SeededRandom(seed: 2)
    let seeds = [
      [UInt8].join("a", at: 1), .leave("a", at: 2, prunes: true), .userEvent("e", [1, 2], at: 3), .query(1, at: 4), node.state(),
    ]
    for _ in 0..<20_000 {
      var message = seeds[random.below(seeds.count)]
      for _ in 0...random.below(4) { message[random.below(message.count)] = UInt8(truncatingIfNeeded: random.next()) }
      if message.first == SerfMessageType.pushPull.rawValue { node.pushPull(state: message) } else { node.gossip(message) }
    }
    #expect(node.core.statistics.members <= 2)
    #expect(node.queuedIntents <= 4_096)
    #expect(node.core.statistics.eventQueue <= 4_096)
  }
}
