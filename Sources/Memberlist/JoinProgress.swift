import SerfPrimitives

/// A join in progress: which of its targets are being asked, which wait, and how the others ended.
///
/// ```
/// target ──address 1──┬─ answers ─────────────────────────→ joined
///                     ├─ fails ──address 2── …  no more ──→ failed
///                     └─ 250 ms without an answer: address 2 as well
/// ```
/// Targets are asked side by side, ``SerfSettings/Limits/joinExchanges`` addresses at once, and the first addresses of all targets before
/// the second ones. The whole join has one deadline. Where addresses have to wait for a place, each address before them gets only a share of the
/// time.
struct JoinProgress: Sendable {
  let id: JoinID
  let deadline: Instant
  private(set) var targets: [Target] = []
  private let count: Int
  private var inFlight = 0

  /// One target, or several that are the same.
  struct Target: Sendable {
    let target: JoinTarget
    /// Its positions in the caller's list.
    var positions: [Int]
    var begun = 0
    var inFlight = 0
    /// When the next address may start, while the one before it is still being asked.
    var nextAt = Instant.zero
    /// How often its addresses were asked again because they were too busy.
    var repeats = 0
    var hasJoined = false
    var failure: JoinFailure?

    var remaining: Int { hasJoined ? 0 : 1 + target.alternatives.count - begun }
    var isOver: Bool { hasJoined || (remaining == 0 && inFlight == 0) }

    func address(_ number: Int) -> NodeAddress { number == 0 ? target.address : target.alternatives[number - 1] }
  }

  /// An address whose turn has come.
  struct Attempt: Sendable {
    let target: Int
    let address: NodeAddress
    let name: NodeName?
    let deadline: Instant
    /// When the target's next address may begin, if it has one.
    let nextAt: Instant?
  }

  /// How long one address is waited for before the host's next address is asked as well (RFC 8305 section 5). An address that was too busy is asked
  /// again after the same wait.
  static let pause = Duration.milliseconds(250)

  /// How often a target is asked again: the transport itself tries for several seconds before it says that the target is too busy.
  private static let repeatLimit = 8

  init(_ id: JoinID, _ targets: [JoinTarget], deadline: Instant) {
    self.id = id
    self.deadline = deadline
    count = targets.count
    for (position, target) in targets.enumerated() {
      if let same = self.targets.firstIndex(where: { $0.target.isSame(as: target) }) {
        self.targets[same].positions.append(position)
      } else {
        self.targets.append(Target(target: target, positions: [position]))
      }
    }
  }

  var isOver: Bool { targets.allSatisfy { $0.isOver } }

  /// One result for each target of the caller's list.
  var results: [JoinResult] {
    var results = [JoinResult?](repeating: nil, count: count)
    for target in targets {
      for position in target.positions { results[position] = JoinResult(target: target.target, failure: target.failure) }
    }
    return results.compactMap { $0 }
  }

  /// The next address to ask, if there is one and a place is free.
  mutating func begin(limit: Int, at now: Instant) -> Attempt? {
    guard inFlight < limit else { return nil }
    var chosen: Int?
    var waiting = 0
    for (index, target) in targets.enumerated() where target.remaining > 0 {
      waiting += target.remaining
      guard target.inFlight == 0 || now >= target.nextAt else { continue }
      if chosen.map({ target.begun < targets[$0].begun }) ?? true { chosen = index }
    }
    guard let chosen else { return nil }
    let turns = (waiting + limit - 1) / limit
    let address = targets[chosen].address(targets[chosen].begun)
    targets[chosen].begun += 1
    targets[chosen].inFlight += 1
    targets[chosen].nextAt = now + Self.pause
    inFlight += 1
    return Attempt(
      target: chosen, address: address, name: targets[chosen].target.name, deadline: now + (deadline - now) / turns,
      nextAt: targets[chosen].remaining > 0 ? targets[chosen].nextAt : nil)
  }

  /// Whether a target that was too busy, or was silent while we are late, is asked again; counts. A silent one keeps its place for as long as a dial takes:
  /// it is asked again only where no address waits for a place, and no target has joined.
  mutating func mayRepeat(_ target: Int, wasSilent: Bool) -> Bool {
    guard !targets[target].hasJoined, targets[target].repeats < Self.repeatLimit else { return false }
    if wasSilent, targets.contains(where: { $0.hasJoined || $0.remaining > 0 }) { return false }
    targets[target].repeats += 1
    return true
  }

  /// The same address once more, until the join's deadline; nil when the target has joined in the meantime.
  func again(_ target: Int, _ address: NodeAddress) -> Attempt? {
    guard !targets[target].hasJoined else { return nil }
    return Attempt(target: target, address: address, name: targets[target].target.name, deadline: deadline, nextAt: nil)
  }

  /// Notes how an address ended. False where that is no news, because another address of the same target has joined.
  mutating func ended(_ target: Int, failure: JoinFailure?) -> Bool {
    inFlight -= 1
    targets[target].inFlight -= 1
    guard !targets[target].hasJoined else { return false }
    targets[target].hasJoined = failure == nil
    targets[target].failure = failure
    return true
  }
}

extension JoinTarget {
  /// Whether asking both would be asking twice.
  fileprivate func isSame(as other: JoinTarget) -> Bool {
    name == other.name && address.isSameEndpoint(as: other.address) && alternatives.count == other.alternatives.count
      && zip(alternatives, other.alternatives).allSatisfy { $0.isSameEndpoint(as: $1) }
  }
}
