package import Memberlist
package import SerfPrimitives

/// How a cluster heals that has come apart for longer than its members remember each other (`serf.md` section 12).
///
/// ```
///             every reconnect interval, one of           a seed that is no live member ──┐
///  node ─────────────────────────────────────────▶       a failed member ────────────────┼──▶ exchange of states, no join intent
///                                                        a remembered member ────────────┘
/// ```
/// A node dials all the time, because it cannot know that another part of its cluster exists. The more members are alive here, the seldomer each of them
/// dials, so that a missing member costs the whole cluster about one dial per interval. The smaller part of a cluster that has come apart misses
/// at least as many members as it has, up to 64: it dials often enough for both.
package struct Healing: Sendable {
  /// The members that failed, to dial beyond their end in the member table.
  var remembered = RememberedMembers()
  /// Members that were alive according to the snapshot, and that this node has not seen since its start.
  var restored = RememberedMembers()
  /// How many seeds there are, as they are written; 0 for none.
  var seeds = 0
  /// While the driver looks up the seeds. If none of them is missing, a member may be dialled instead.
  var lookUp: LookUp?
  /// Seeds and members take turns.
  var lastWasSeed = false
  /// When the first dial after the start is due.
  var firstDialAt = Instant.zero

  struct LookUp: Sendable {
    let mayDialMember: Bool
  }

  /// What a join of this node's own is for.
  struct Dial: Sendable {
    enum Kind: Sendable { case failed, remembered, seed }

    let kind: Kind
    /// How many members were alive before.
    let alive: Int
  }

  /// Whom the node does not forget: the last 64, the oldest first. A restart takes nothing from those that failed before, once the others are back.
  var entries: [RememberedMembers.Entry] { (remembered.entries + restored.entries).suffix(RememberedMembers.limit) }

  /// The member is alive, or left. False when it was not remembered.
  @discardableResult
  mutating func forget(_ name: NodeName) -> Bool {
    let wasRestored = restored.forget(name)
    return remembered.forget(name) || wasRestored
  }

  /// How often per interval the cluster dials for each seed. The part of a cluster that has only seeds to go by is not to miss two intervals: each member
  /// throws its own dice, and in two intervals none of them dials with a probability of e⁻⁸.
  static let seedDials = 4.0
  /// For each member that the snapshot names, the first dial may be later by this, so that the members of a cluster that restarts do not dial at once.
  static let spread = Duration.milliseconds(10)
  /// The most that this comes to where nothing is dialled later: the default interval.
  static let longestSpread = SerfSettings.Reconnecting().interval

  /// How long after its start a node dials for the first time, if its snapshot names so many other members.
  package static func firstDelay(members: Int, interval: Duration, by random: inout SeededRandom) -> Duration {
    random.fraction(of: min(spread * members, interval > .zero ? interval : longestSpread))
  }
}

extension NodeCore {
  // MARK: After the start

  /// The first dial comes after a time left to chance, at the latest after a reconnect interval. A node that knows no member dials none.
  mutating func startHealing() {
    let interval = configuration.reconnecting.interval
    let known = max(rejoining.candidates.count, healing.entries.count)
    healing.firstDialAt = now + Healing.firstDelay(members: known, interval: interval, by: &random)
    if known > 0 { timers.schedule(.firstDial, at: healing.firstDialAt) }
    if interval > .zero { timers.schedule(.reconnect, at: healing.firstDialAt + interval) }
  }

  mutating func firstDialDue() {
    if !rejoining.candidates.isEmpty {
      rejoinNext()
    } else if configuration.reconnecting.interval > .zero {
      dialMissing()
    }
  }

  /// When a node that restarts with others may begin to dial.
  package var firstDialAt: Instant { healing.firstDialAt }

  /// From now on the node keeps dialling `count` seeds, for as long as it lives. The driver knows and looks up their addresses
  /// (``NodeOutput/seedsWanted``).
  package mutating func keepSeeds(_ count: Int) { healing.seeds = count }

  // MARK: Dialling

  /// One dial at most.
  mutating func reconnect() {
    schedule(.reconnect, after: configuration.reconnecting.interval)
    dialMissing()
  }

  private mutating func dialMissing() {
    guard status == .alive else { return }
    let missing = table.count(of: .failed) + forgottenMembers.count
    let dialsMember = missing > 0 && random.chance(Double(missing) / Double(aliveCount))
    // Hosts that take longer than an interval to be looked up do not keep members from being dialled.
    let seedChance = Double(healing.seeds) * Healing.seedDials / Double(aliveCount)
    let dialsSeed = healing.seeds > 0 && healing.lookUp == nil && random.chance(seedChance)
    if dialsSeed, !(dialsMember && healing.lastWasSeed) {
      healing.lookUp = Healing.LookUp(mayDialMember: dialsMember)
      outbox.push(.seedsWanted)
    } else if dialsMember {
      dialMember()
    }
  }

  /// The seeds have been looked up; `targets` are those that were found. One that is no live member is dialled, each of its addresses by itself: a host
  /// with several may stand for several parts of the cluster.
  package mutating func seedsFound(_ targets: [JoinTarget], at now: Instant) {
    guard let lookUp = healing.lookUp, status == .alive else { return }
    self.now = now
    healing.lookUp = nil
    let live = liveAddresses
    let missing = targets.flatMap { target in
      ([target.address] + target.alternatives).map { JoinTarget($0, name: target.name) }
    }.filter { !live.contains(Self.key($0.address)) && $0.name.flatMap { table[$0]?.member.status } != .alive }
    guard !missing.isEmpty else {
      if lookUp.mayDialMember { dialMember() }
      return
    }
    healing.lastWasSeed = true
    counters.seedDials += 1
    dial(missing[random.below(missing.count)], .seed)
  }

  /// Tries one of the members that failed, or that are remembered.
  private mutating func dialMember() {
    healing.lastWasSeed = false
    let forgotten = forgottenMembers
    var skipped = random.below(table.count(of: .failed) + forgotten.count)
    for row in table.rows where row.member.status == .failed {
      guard skipped == 0 else {
        skipped -= 1
        continue
      }
      counters.reconnects += 1
      diagnose(.reconnecting(row.member.name, row.member.address))
      return dial(JoinTarget(row.member.address, name: row.member.name), .failed)
    }
    guard forgotten.indices.contains(skipped) else { return }
    counters.rememberedDials += 1
    dial(JoinTarget(forgotten[skipped].address, name: forgotten[skipped].name), .remembered)
  }

  private mutating func dial(_ target: JoinTarget, _ kind: Healing.Dial.Kind) {
    let id = JoinID(nextID())
    joins[id] = PendingJoin(purpose: .dial(Healing.Dial(kind: kind, alive: table.count(of: .alive))), ignoresOldEvents: false)
    if kind != .failed { diagnose(.healing(.dialling(target.name, target.address))) }
    membership.join([target], id: id, at: now)
  }

  mutating func dialFinished(_ dial: Healing.Dial, _ results: [JoinResult]) {
    guard let result = results.first else { return }
    if result.failure == nil {
      let found = table.count(of: .alive) - dial.alive
      // A failed member that is back is one of many things that happen in a cluster that is whole.
      guard dial.kind != .failed, found > 0 else { return }
      counters.clusterHeals += 1
      diagnose(.healing(.found(result.target.name, result.target.address, members: found)))
    } else if result.failure == .contact(.identityMismatch), let name = result.target.name {
      counters.addressesReused += 1
      diagnose(.healing(.otherNode(name, result.target.address)))
    }
  }

  // MARK: Who is missing

  /// How many members, this node included, share the dialling.
  private var aliveCount: Int { max(1, table.count - table.count(of: .failed) - table.count(of: .left)) }

  /// The remembered members that are not in the table, except where another member has taken over the address.
  private var forgottenMembers: [RememberedMembers.Entry] {
    let forgotten = healing.entries.filter { table[$0.name] == nil }
    guard !forgotten.isEmpty else { return [] }
    let live = liveAddresses
    return forgotten.filter { !live.contains(Self.key($0.address)) }
  }

  private var liveAddresses: Set<NodeAddress> {
    Set(table.rows.lazy.filter { $0.member.status == .alive || $0.member.status == .leaving }.map { Self.key($0.member.address) })
  }

  /// One form for each socket. Gossip brings no zones.
  private static func key(_ address: NodeAddress) -> NodeAddress {
    var key = address.canonical
    key.zone = 0
    return key
  }

  // MARK: What is remembered

  /// Something has happened to a member.
  mutating func remember(_ kind: MemberEvent.Kind, _ member: SerfMember) {
    guard member.name != name else { return }
    switch kind {
    case .join, .leave: healing.forget(member.name)
    case .failed: healing.remembered.remember(member.name, at: member.address)
    case .update, .reap: break
    }
  }

  /// A member that is in no table any more has left, or was made to.
  mutating func rememberedLeft(_ node: NodeName) {
    guard healing.forget(node) || recorder?.state.members[node] != nil else { return }
    recorder?.memberGone(node)
  }
}

/// Something about a dial to what this node had forgotten that is worth a log line.
package enum HealingDiagnostic: Hashable, Sendable {
  /// A seed (nil, if it was written without a name) or a remembered member is dialled.
  case dialling(NodeName?, NodeAddress)
  /// It answered, and so many members are alive that were not before.
  case found(NodeName?, NodeAddress, members: Int)
  /// What answers at the member's address has another name. Nothing was merged.
  case otherNode(NodeName, NodeAddress)
}
