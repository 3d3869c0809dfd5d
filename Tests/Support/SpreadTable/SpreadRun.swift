import Memberlist
import SerfCore
import SerfPrimitives
import SerfSimulator

/// A cluster in virtual time, and how events spread in it.
struct SpreadRun {
  private let network: SimulatedNetwork<SimulatedNode>
  private var ids: [SimulatedNetwork<SimulatedNode>.NodeID] = []
  private let members: Int
  private let loss: Double
  private let forwards: Bool
  private var configuration = SerfCoreConfiguration.lan
  /// How long each delivery took, but the senders' own; sorted.
  private var delays: [Duration] = []
  private var expected = 0
  private var copies = 0.0
  private var bytes = 0.0

  init(members: Int, loss: Double, forwards: Bool) throws {
    self.members = members
    self.loss = loss
    self.forwards = forwards
    network = SimulatedNetwork(seed: UInt64(members) + UInt64(loss * 1000))
    if !forwards { configuration.membership.gossip.forwardedBytesPerSecond = 0 }
    for number in 0..<members {
      let address = NodeAddress(ipv4: 10, 0, UInt8(number >> 8), UInt8(number & 0xff), port: 7946)
      let core = try NodeCore(configuration, name: NodeName("node-\(number)"), address: address, seed: UInt64(number) + 1)
      ids.append(network.add(SimulatedNode(core), at: address))
    }
    let seed = JoinTarget(network.address(of: ids[0]))
    for (number, id) in ids.enumerated().dropFirst() {
      network.with(id) { node, now in try? node.core.join([seed], ignoreOld: false, request: RequestID(UInt64(number)), at: now) }
      network.run(for: .milliseconds(2))
    }
    let (network, ids) = (network, ids)
    let converged = network.run(within: .seconds(600)) { ids.allSatisfy { id in network.read(id) { $0.core.statistics.alive } == members } }
    precondition(converged, "the cluster did not converge")
    network.run(for: .seconds(60))
  }

  private var interval: Duration { PushPullSchedule.interval(base: configuration.membership.pushPull.interval, nodes: members) }

  mutating func spread(events count: Int, every pause: Duration) {
    network.conditions.loss = loss
    // What the cluster sends when nothing happens.
    network.run(for: .seconds(20))
    let idle = network.counters.bytes
    network.run(for: pause * count + interval)
    let quiet = network.counters.bytes - idle
    for id in ids { _ = network.takeReports(of: id) }
    let duplicates = self.duplicates
    let before = network.counters.bytes
    var sentAt: [Instant] = []
    for number in 0..<count {
      sentAt.append(network.now)
      network.with(ids[number * 7 % members]) { node, now in
        try? node.core.userEvent(name: Array("event-\(number)".utf8), payload: Array(repeating: 7, count: 32), coalesce: false, at: now)
      }
      network.run(for: pause)
    }
    network.run(for: interval)
    for (member, id) in ids.enumerated() {
      for (time, report) in network.takeReports(of: id) {
        guard case .event(.user(let event)) = report, let number = Int(event.name.dropFirst(6)) else { continue }
        if member != number * 7 % members { delays.append(time - sentAt[number]) }
      }
    }
    expected = count * (members - 1)
    copies = Double(self.duplicates - duplicates) / Double(expected) + 1
    bytes = Double(network.counters.bytes - before - quiet) / Double(expected)
    delays.sort()
  }

  private var duplicates: UInt64 {
    var sum: UInt64 = 0
    for id in ids { sum += network.read(id) { $0.core.counters.eventsDuplicate } }
    return sum
  }

  var missing: Int { expected - delays.count }

  /// Later than this, a tick of gossip or a push/pull brought it.
  private static let atOnce = Duration.milliseconds(60)

  /// The run as a line of the table: how long deliveries took, how many copies of an event a member gets, and how many bytes that is with all headers
  /// of the messages.
  var row: String {
    let atOnce = delays.count { $0 <= Self.atOnce }
    let late = delays.count { $0 > .seconds(5) }
    return
      "| \(members) | \(Int(loss * 100)) % | \(forwards ? "yes" : "no") | \(time(delays[delays.count / 2])) | \(time(delays[delays.count - 1])) | "
      + "\(rounded(Double(atOnce) / Double(expected) * 100, 3)) % | \(late) | \(missing) | \(rounded(copies, 1)) | \(Int(bytes)) |"
  }

  private func time(_ duration: Duration) -> String { "\(rounded(duration / .milliseconds(1), 1)) ms" }

  private func rounded(_ value: Double, _ digits: Int) -> Double {
    let factor = (0..<digits).reduce(1.0) { power, _ in power * 10 }
    return (value * factor).rounded() / factor
  }
}
