import CAllocations
import Memberlist
import SerfCore
import SerfPrimitives

/// A node of a cluster of 50, without sockets: it is given packets and time, and what the core allocates for each is counted.
final class SteadyNode {
  /// What came out of one input, for the traffic to answer.
  struct Sent {
    let destination: Destination
    let bytes: Range<Int>
  }

  private var core: NodeCore
  private(set) var now = Instant.zero
  /// Packets that the last input caused, and their bytes back to back. This is where a driver would call the transport.
  private(set) var sent: [Sent] = []
  private(set) var wire: [UInt8] = []
  /// Exchanges that it opened, which fail.
  private var opened: [ExchangeID] = []
  private(set) var packetsSent = 0
  private(set) var delivered = 0
  /// Whether each input allocates once more, to show that the hook sees it.
  var plants = false

  init(transport: TransportTraits, seed: UInt64) throws {
    core = try NodeCore(
      .lan, transport: transport, name: "node-0", address: NodeAddress(ipv4: 10, 0, 0, 1, port: 7946), tags: ["role": "web", "zone": "a"],
      seed: seed)
    sent.reserveCapacity(256)
    wire.reserveCapacity(1 << 20)
    opened.reserveCapacity(256)
    core.start(at: now)
    drain()
  }

  // MARK: Inputs, each of which returns how often the core allocated for it

  /// What is due until `time`.
  func advance(to time: Instant) -> (wakeups: Int, allocations: UInt64) {
    var (wakeups, allocations) = (0, UInt64(0))
    sent.removeAll(keepingCapacity: true)
    wire.removeAll(keepingCapacity: true)
    while let deadline = core.nextDeadline, deadline <= time {
      now = max(now, deadline)
      wakeups += 1
      allocations_begin()
      core.advance(to: now)
      drain()
      allocations += allocations_end()
      while let exchange = opened.popLast() {
        core.exchangeFailed(exchange, reason: .noContact, at: now)
        drain()
      }
    }
    now = time
    return (wakeups, allocations)
  }

  func receive(_ packet: [UInt8], from peer: Peer) -> UInt64 {
    sent.removeAll(keepingCapacity: true)
    wire.removeAll(keepingCapacity: true)
    allocations_begin()
    if plants { allocations_plant() }
    core.receive(packet.span.bytes, from: peer, at: now)
    drain()
    return allocations_end()
  }

  // MARK: What is not counted

  func setWarm(_ name: NodeName) { core.setWarm(name, true) }

  func ask(_ name: String, _ options: SerfQuery.Options) throws -> SerfQuery.ID {
    let id = try core.query(name: Array(name.utf8), payload: [], options: options, at: now)
    drain()
    return id
  }

  var counters: NodeCounters { core.counters }
  var gossipCounters: MembershipCounters { core.membership.counters }
  var liveCount: Int { core.membership.liveCount }

  private func drain() {
    while let output = core.nextOutput() {
      switch output {
      case .transport(.send(let slot, let destination, _, _, _)):
        let start = wire.count
        core.read(slot, into: &wire)
        sent.append(Sent(destination: destination, bytes: start..<wire.count))
        packetsSent += 1
      case .transport(.open(let id, _, _, _, _)): opened.append(id)
      case .event: delivered += 1
      default: break
      }
    }
    _ = core.nextDeadline
  }
}

extension NodeCore {
  fileprivate func read(_ slot: PacketSlot, into wire: inout [UInt8]) {
    bytes(slot).withUnsafeBytes { wire.append(contentsOf: $0) }
  }
}
