import Foundation
import Memberlist
import SerfPrimitives
import SerfSimulator

/// A few members on a virtual network.
///
/// `SERF_NEWS=rounds swift test --filter SerfSimulatorTests` runs all of these tests with news that waits for the rounds of gossip.
final class GossipCluster {
  typealias Network = SimulatedNetwork<SimulatedMember>
  typealias Report = SimulatedMember.Report

  let network: Network
  let configuration: MembershipConfiguration
  private let transport: TransportTraits
  private(set) var nodes: [Network.NodeID] = []
  private let seed: UInt64

  init(
    seed: UInt64 = 1, _ configuration: MembershipConfiguration = .lan, provesNames: Bool = false, passesNewsOnAtOnce: Bool = true,
    conditions: NetworkConditions? = nil
  ) {
    var configuration = configuration
    let waits = !passesNewsOnAtOnce || ProcessInfo.processInfo.environment["SERF_NEWS"] == "rounds"
    if waits { configuration.gossip.forwardedBytesPerSecond = 0 }
    self.seed = seed
    transport = TransportTraits(provesNames: provesNames)
    self.configuration = configuration
    network = Network(seed: seed, provesNames: provesNames)
    if let conditions { network.conditions = conditions }
  }

  static func name(_ index: Int) -> NodeName { NodeName("node-\(index)") }

  static func address(_ index: Int, port: UInt16 = 7946) -> NodeAddress {
    NodeAddress(ipv4: 10, 0, UInt8(index >> 8), UInt8(index & 255), port: port)
  }

  /// Starts one more member; `index` and `port` for one that comes back, perhaps elsewhere.
  @discardableResult
  func start(index: Int? = nil, port: UInt16 = 7946, meta: [UInt8] = []) -> Network.NodeID {
    let index = index ?? nodes.count
    let address = Self.address(index, port: port)
    let member = SimulatedMember(
      configuration, transport: transport, local: GossipMember(name: Self.name(index), address: address, meta: meta),
      seed: seed &* 1000 &+ UInt64(nodes.count))
    let node = network.add(member, at: address)
    nodes.append(node)
    return node
  }

  /// Starts `count` members, each joining the first.
  func start(_ count: Int) {
    for index in 0..<count {
      start()
      if index > 0 { join(nodes[index], nodes[0]) }
    }
  }

  func join(_ node: Network.NodeID, _ other: Network.NodeID) {
    let target = JoinTarget(network.address(of: other))
    network.with(node) { member, now in member.membership.join([target], id: JoinID(1), at: now) }
  }

  /// What a member knows about another.
  func view(_ node: Network.NodeID, of index: Int) -> GossipMember? { network.read(node) { $0.membership.member(Self.name(index)) } }

  func liveCount(_ node: Network.NodeID) -> Int { network.read(node) { $0.membership.liveCount } }

  /// Whether each of the nodes sees exactly these members alive, and suspects none.
  func agree(_ nodes: [Network.NodeID], alive indices: some Collection<Int>) -> Bool {
    nodes.allSatisfy { node in
      liveCount(node) == indices.count && indices.allSatisfy { view(node, of: $0)?.state == .alive }
    }
  }

  func counters(_ node: Network.NodeID) -> MembershipCounters { network.read(node) { $0.membership.counters } }

  /// The member events that a node reported, as short sentences.
  func events(_ node: Network.NodeID) -> [String] {
    network.reports(of: node).compactMap { entry in
      switch entry.report.output {
      case .joined(let member): "\(member.name) joined"
      case .updated(let member): "\(member.name) updated"
      case .left(let member): "\(member.name) \(member.state)"
      case .conflict(let existing, _): "\(existing.name) conflict"
      default: nil
      }
    }
  }
}
