import Foundation
import Memberlist
import SerfPrimitives
import SerfQUIC
import Testing

/// More work than the processors can do makes a cluster slower, never unstable (`secure-transport.md` 2.3). Every node has 0.015 of a core, so that
/// one end's part of a handshake takes it 133 ms.
///
/// Other sizes: `SERF_LOAD_NODES=300 SERF_LOAD_SHARE=0.05 swift test -c release -Xswiftc -enable-testing --filter LoadTests`, for a few minutes.
@Suite struct LoadTests {
  private static let size = setting("SERF_LOAD_NODES").flatMap { Int($0) } ?? 50
  private static let costs = LoadedNetwork.Costs(share: setting("SERF_LOAD_SHARE").flatMap { Double($0) } ?? 0.015)

  private static func setting(_ name: String) -> String? { ProcessInfo.processInfo.environment[name] }

  private static func address(_ number: Int) -> NodeAddress {
    NodeAddress(ipv4: 10, 1, UInt8(number >> 8), UInt8(number & 255), port: 7946)
  }

  private static func node(_ number: Int, adapts: Bool, seed: UInt64) -> LoadedNode {
    LoadedNode(
      NodeName("n\(number)"), at: address(number), configuration: .lan, adapts: adapts, seed: seed &* 1000 &+ UInt64(number))
  }

  /// Five members that the others join; three of them each.
  private static func targets(of number: Int) -> [NodeAddress] {
    (0..<3).map { (number + $0) % 5 }.filter { $0 != number }.map(address)
  }

  /// What becomes of a run, in a line.
  private struct Outcome: CustomStringConvertible {
    var converged: Duration?
    var handshakes = 0
    var suspicions = 0
    var deaths = 0
    var peak = 0

    /// All find each other, none is declared dead, and none is accused more than ten times on average.
    var isStable: Bool { converged != nil && isStableSoFar }

    var isStableSoFar: Bool { deaths == 0 && suspicions <= 10 * LoadTests.size }

    var description: String {
      let time = converged.map { "all alive everywhere after \($0.seconds) s" } ?? (isStableSoFar ? "not converged" : "unstable")
      return "\(time); \(handshakes) handshakes, \(peak) in the busiest second; \(suspicions) suspicions, \(deaths) deaths"
    }
  }

  /// Runs until every node sees all others alive, second by second, or until the cluster is unstable. A join that fails is tried again, as `-retry-join`
  /// does.
  private static func settle(_ network: LoadedNetwork, within limit: Int) -> Outcome {
    let (start, first) = (network.now, network.handshakes)
    func total(_ counter: KeyPath<MembershipCounters, UInt64>) -> Int {
      network.nodes.reduce(0) { $0 + Int($1.counters[keyPath: counter]) }
    }
    let (suspicions, deaths) = (total(\.suspicions), total(\.deaths))
    var outcome = Outcome()
    func count() {
      outcome.handshakes = network.handshakes - first
      outcome.suspicions = total(\.suspicions) - suspicions
      outcome.deaths = total(\.deaths) - deaths
    }
    var before = first
    for _ in 0..<limit where outcome.isStableSoFar {
      let isDone = network.run(for: .seconds(1)) { network.nodes.allSatisfy { $0.seesAlive(network.nodes) } }
      outcome.peak = max(outcome.peak, network.handshakes - before)
      before = network.handshakes
      count()
      if isDone {
        outcome.converged = network.now - start
        break
      }
      for node in network.nodes where node.joinFailed { node.join(targets(of: number(of: node)), on: network) }
    }
    // Members that are accused by now are judged within this time.
    for _ in 0..<30 where outcome.isStable {
      network.run(for: .seconds(1))
      count()
    }
    return outcome
  }

  private static func number(of node: LoadedNode) -> Int { Int(node.address[2]) << 8 | Int(node.address[3]) }

  private static func start(_ numbers: some Sequence<Int>, adapts: Bool, seed: UInt64, on network: LoadedNetwork) {
    for number in numbers { network.add(node(number, adapts: adapts, seed: seed)) }
    for node in network.nodes where node.connectionCount == 0 { node.join(targets(of: number(of: node)), on: network) }
  }

  @Test("nodes that start at once are all alive in the end, and none is declared dead on the way", arguments: [1, 2] as [UInt64])
  func startAtOnce(seed: UInt64) {
    let network = LoadedNetwork(Self.costs)
    Self.start(0..<Self.size, adapts: true, seed: seed, on: network)
    let outcome = Self.settle(network, within: 300)
    print("\(Self.size) nodes at once: \(outcome)")
    #expect(outcome.isStable)
  }

  /// A cluster starts; a third of it is killed and started again within a second. Returns the outcome of the start if that made it unstable, else of the restart.
  private static func restart(adapts: Bool, seed: UInt64) -> Outcome {
    let network = LoadedNetwork(costs)
    let limit = adapts ? 300 : 60
    start(0..<size, adapts: adapts, seed: seed, on: network)
    let started = settle(network, within: limit)
    guard started.isStable else { return started }
    network.run(for: .seconds(60))
    var random = SeededRandom(seed: seed)
    for node in network.nodes.filter({ number(of: $0) % 3 == 2 }) {
      network.run(for: random.fraction(of: .seconds(3) / size))
      network.crash(node)
      start([number(of: node)], adapts: adapts, seed: seed + 7, on: network)
    }
    return settle(network, within: limit)
  }

  @Test("a third of the nodes restarts within a second: all are alive in the end, few are accused and none is declared dead")
  func restartAtOnce() {
    let outcome = Self.restart(adapts: true, seed: 1)
    print("\(Self.size / 3) of \(Self.size) nodes restart: \(outcome)")
    #expect(outcome.isStable)
  }

  @Test("the same cluster without an allowance for the load is unstable")
  func withoutAllowance() {
    let outcome = Self.restart(adapts: false, seed: 1)
    print("\(Self.size) nodes at once, then \(Self.size / 3) restart, not adapting: \(outcome)")
    #expect(!outcome.isStable)
  }
}
