import CAllocations
import Memberlist
import SerfCore
import SerfPrimitives

/// One node and its traffic, and what was counted.
final class Run {
  private struct Tally {
    var packets = 0
    var allocations: UInt64 = 0
    /// How many packets allocated.
    var allocating = 0

    mutating func add(_ allocations: UInt64) {
      packets += 1
      self.allocations += allocations
      if allocations > 0 { allocating += 1 }
    }
  }

  private let node: SteadyNode
  private var traffic: Traffic
  private var tallies: [Traffic.Kind: Tally] = [:]
  private var timers = Tally()

  init(provesNames: Bool) throws {
    let transport = TransportTraits(provesNames: provesNames, packetBudget: provesNames ? 1_160 : 1_395)
    node = try SteadyNode(transport: transport, seed: 1)
    traffic = Traffic(provesNames: provesNames)
    for member in 1..<50 {
      _ = node.receive(traffic.announcement(of: member), from: traffic.members[member])
      if provesNames { node.setWarm(Traffic.name(member)) }
    }
  }

  /// Arrays and tables reach the size that the traffic needs, and the queues a depth beyond it.
  func warmUp() throws {
    for packet in traffic.burst() { _ = node.receive(packet.bytes, from: traffic.members[packet.sender]) }
    try count(packets: 50_000)
  }

  /// About 17 packets a second, as in a cluster of 50 that gossips.
  func count(packets: Int, planting: Bool = false) throws {
    tallies = [:]
    timers = Tally()
    node.plants = planting
    for packet in 0..<packets {
      // The query of ten minutes is asked again before its end.
      if packet % 8_000 == 0 {
        var options = SerfQuery.Options()
        options.timeout = .seconds(600)
        traffic.asked(try node.ask("load", options))
      }
      let (wakeups, allocations) = node.advance(to: node.now + .milliseconds(traffic.owesAck ? 1 : 58))
      if wakeups > 0 { timers.add(allocations) }
      traffic.answer(node.sent, node.wire)
      let next = traffic.next()
      tallies[next.kind, default: Tally()].add(node.receive(next.bytes, from: traffic.members[next.sender]))
      traffic.answer(node.sent, node.wire)
    }
  }

  /// The packets without news, and for how many of them something was allocated.
  var steady: (packets: Int, allocating: Int) {
    tallies.reduce((0, 0)) { $1.key.isNews ? $0 : ($0.0 + $1.value.packets, $0.1 + $1.value.allocating) }
  }

  /// Whether nothing was allocated but for news.
  var isClean: Bool { timers.allocations == 0 && steady.allocating == 0 }

  func print(title: String) {
    Swift.print("\(title): \(node.packetsSent) packets sent, \(node.delivered) events delivered, \(node.liveCount) members alive")
    for kind in Traffic.Kind.allCases { if let tally = tallies[kind] { Self.print(kind.rawValue, tally) } }
    Self.print("timers", timers)
  }

  private static func print(_ name: String, _ tally: Tally) {
    let each = Double(tally.allocations) / Double(max(1, tally.packets))
    let shown = (each * 1000).rounded() / 1000
    Swift.print("  \(name): \(tally.packets) times, \(shown) allocations each, \(tally.allocating) times any")
  }
}
