import Memberlist
import SerfCore
import SerfPrimitives
import SerfSimulator
import SerfWire
import Testing

/// Messages and push/pulls with any Lamport times: after them, the members hear each other again (`secure-transport.md` 3.3).
@Suite("hostile Lamport times")
struct LamportAttackTests {
  enum Victims: CaseIterable { case all, one, newcomer }

  /// Which times the attacker chooses.
  enum Shape: CaseIterable {
    /// Of all magnitudes.
    case random
    /// Always the highest that is believed.
    case ladder
    /// The end of the range.
    case top
    /// Two times, each within 2³² of the one before; the second is farther than that from a fresh clock.
    case twoSteps
    /// Push/pulls about events alone, of which no member hears by gossip.
    case silent
  }

  struct Attack: CustomTestStringConvertible {
    let victims: Victims
    let shape: Shape
    let seed: UInt64
    var testDescription: String { "\(shape) to \(victims), seed \(seed)" }
  }

  static let attacks = Victims.allCases.flatMap { victims in
    Shape.allCases.flatMap { shape in (0..<2 as Range<UInt64>).map { Attack(victims: victims, shape: shape, seed: $0) } }
  }

  static let founders: [NodeName] = ["a", "b", "c", "d"]
  static let messages = 10_000
  static let exchanges = 100

  @Test("after 10,000 messages and 100 push/pulls all hear each other within two push/pull intervals", arguments: attacks)
  func attack(attack: Attack) throws {
    let cluster = SimulatedCluster(seed: 40 + attack.seed)
    try cluster.start(joined: Self.founders)
    try cluster.userEvent("a", "before")
    cluster.run(.seconds(2))
    if attack.victims == .newcomer { try cluster.start("new") }
    let victims: [NodeName] =
      switch attack.victims {
      case .all: Self.founders
      case .one: ["b"]
      case .newcomer: ["new"]
      }
    var attacker = Attacker(shape: attack.shape, seed: attack.seed)
    for step in 0..<Self.exchanges {
      for victim in victims {
        let messages = attack.shape == .silent ? [] : attacker.messages(Self.messages / Self.exchanges, step: step)
        let state = attacker.pushPull(step: step)
        cluster.network.with(cluster[victim]) { machine, now in
          for message in messages { machine.core.receive(message.span.bytes, from: Attacker.peer, at: now) }
          machine.core.exchangeReceived(Attacker.exchange(step), message: state.span.bytes, from: Attacker.peer, at: now)
        }
      }
      cluster.run(.milliseconds(20))
    }

    var names = Self.founders
    if attack.victims == .newcomer {
      try cluster.join("new", to: "c", ignoreOld: true)
      names.append("new")
    }
    try cluster.start("late")
    try cluster.join("late", to: "a", ignoreOld: true)
    names.append("late")
    cluster.run(cluster.configuration.membership.pushPull.interval * 2)

    for name in names {
      let alive = cluster.alive(on: name)
      #expect(alive == names.sorted(), "\(name)")
      try cluster.userEvent(name, "hello from \(name)")
    }
    let hellos = names.map { "hello from \($0)" }
    cluster.run(.seconds(5))
    for name in names {
      let missing = Set(hellos).subtracting(cluster.userEvents(on: name))
      #expect(missing == [], "\(name) hears events")
    }

    for (id, name) in names.enumerated() {
      let query = [UInt8].query(UInt32(1_000_000 + id), at: cluster.statistics(of: name).queryTime)
      let isOld = isKnown(query, to: name, in: cluster)
      #expect(!isOld)
      cluster.run(.seconds(5))
      for other in names {
        let isHeard = isKnown(query, to: other, in: cluster)
        #expect(isHeard, "\(other) hears queries of \(name)")
      }
    }

    let last = names.removeLast()
    try cluster.leave(last)
    try cluster.leave("b")
    names.removeAll { $0 == "b" }
    cluster.run(.seconds(5))
    for name in names {
      let statuses = [cluster.status(of: "b", on: name), cluster.status(of: last, on: name)]
      #expect(statuses == [.left, .left], "\(name) hears intents")
    }
  }

  /// Sends a query to a node, which passes it on if it is new. Returns whether it was known.
  private func isKnown(_ query: [UInt8], to name: NodeName, in cluster: SimulatedCluster) -> Bool {
    func duplicates() -> UInt64 { cluster.network.read(cluster[name]) { $0.core.counters.queriesDuplicate } }
    let before = duplicates()
    let packet = [MessageType.user.rawValue] + query
    cluster.network.with(cluster[name]) { machine, now in machine.core.receive(packet.span.bytes, from: Attacker.peer, at: now) }
    return duplicates() > before
  }

  /// Makes the messages of one run.
  private struct Attacker {
    static let peer = Peer(address: NodeAddress(ipv4: 10, 9, 9, 9, port: 7946))
    let shape: Shape
    var random: SeededRandom
    private var gossiped: LamportTime = 0

    init(shape: Shape, seed: UInt64) {
      self.shape = shape
      random = SeededRandom(seed: 7 + seed)
    }

    /// Far from the numbers that the network gives to exchanges.
    static func exchange(_ step: Int) -> ExchangeID { ExchangeID(3 << 62 + UInt64(step)) }

    mutating func messages(_ count: Int, step: Int) -> [[UInt8]] {
      (0..<count).map { _ in
        gossiped += 1
        let time = time(gossip: true, step: step)
        let node = LamportAttackTests.founders[random.below(4)]
        let message: [UInt8] =
          switch random.below(4) {
          case 0: .userEvent("junk", [UInt8(random.below(256))], at: time)
          case 1: .query(UInt32(random.below(1 << 30)), at: time)
          case 2: .join(random.chance(0.5) ? node : "ghost", at: time)
          default: .leave(random.chance(0.5) ? node : "ghost", at: time)
          }
        return [MessageType.user.rawValue] + message
      }
    }

    mutating func pushPull(step: Int) -> [UInt8] {
      let state: [UInt8]
      if shape == .silent {
        state = .state(clocks: (1, time(gossip: false, step: step), 1))
      } else {
        var times: [LamportTime] = []
        for _ in 0..<6 { times.append(time(gossip: false, step: step)) }
        let statuses: [(NodeName, LamportTime)] = [("a", times[3]), ("c", times[4]), ("ghost", 5)]
        state = .state(
          clocks: (times[0], times[1], times[2]), statuses: statuses, left: ["c", "ghost"],
          events: [(times[5], ["junk"])])
      }
      return TestNode.pushPullMessage(state: state, isJoin: random.chance(0.5))
    }

    private mutating func time(gossip: Bool, step: Int) -> LamportTime {
      switch shape {
      case .random: return random.next() >> UInt64(random.below(64))
      case .ladder: return gossip ? 1 << 63 + gossiped << 16 : 3 << 62 + UInt64(step + 1) << 32
      case .top: return .max - LamportTime(random.below(2))
      case .twoSteps: return step < 50 ? 1 << 32 - 5 : 1 << 33 - 20
      case .silent: return step < 5 ? 1 << 40 : .max
      }
    }
  }
}
