import SerfPrimitives

/// What the driver is to do with the snapshot file, one order at a time; it tells the core how each ended (``NodeCore/snapshotWritten(_:at:)``).
package enum SnapshotOrder: Hashable, Sendable {
  /// Append these bytes to the file; with `isDurable` make sure that they survive a crash of the machine.
  case append([UInt8], isDurable: Bool)
  /// Write a new file with what ``SnapshotState/encode(hasLeft:into:)`` gives, durably, and put it in the place of the old one.
  case replace(SnapshotState, hasLeft: Bool)
}

/// Decides what is written to the snapshot file, and when (`serf.md` section 15).
///
/// ```
///                 news                     written
///  settled ───────────────▶ 250 ms ─ append ───────▶ settled
///                                          failed, or too many news meanwhile
///                                             └────▶ replace the file (not more often than every 30 s after a failure)
/// ```
/// It has the whole state in memory, so no news is ever lost: what cannot be appended, because a write has failed or takes too long, is in the next
/// new file. It waits for nothing.
struct SnapshotRecorder: Sendable {
  /// What the file says once everything is written.
  private(set) var state: SnapshotState
  /// The node has left: nothing is recorded any more, or only the clocks if it is to rejoin.
  private(set) var hasLeft = false
  /// A write has not ended yet.
  private(set) var isBusy = false
  /// What there is to write must not wait: the node has left or ends.
  private(set) var isUrgent = false
  /// The last write failed.
  private(set) var hasFailed = false

  private let settings: SerfSettings.Snapshot
  /// Lines that are not written yet.
  private var news: [UInt8] = []
  private var newsCount: UInt64 = 0
  /// The clocks as they are now; the file gets those that moved.
  private var clocks = SnapshotState()
  /// A node begins with a new file: the old one may be damaged at its end.
  private var needsReplacement = true
  private var replacedAt: Instant?
  /// The write that runs makes a new file.
  private(set) var isReplacing = false
  /// Above this size the file is written anew.
  private var sizeLimit = 0

  init(_ settings: SerfSettings.Snapshot, _ state: SnapshotState) {
    self.settings = settings
    self.state = state
  }

  // MARK: News

  mutating func memberAlive(_ name: NodeName, at address: NodeAddress) {
    guard !hasLeft, state.members[name] != address else { return }
    state.members[name] = address
    state.remembered.forget(name)
    add(.alive(name, address))
  }

  /// The member is not to be found again.
  mutating func memberGone(_ name: NodeName) {
    guard !hasLeft else { return }
    let wasAlive = state.members.removeValue(forKey: name) != nil
    guard state.remembered.forget(name) || wasAlive else { return }
    add(.gone(name))
  }

  /// The member failed; it is dialled again.
  mutating func memberFailed(_ name: NodeName, at address: NodeAddress) {
    guard !hasLeft else { return }
    if state.members.removeValue(forKey: name) != nil { add(.gone(name)) }
    state.remembered.remember(name, at: address)
    add(.remembered(name, address))
  }

  /// The member has a new address, if we have it as alive.
  mutating func memberMoved(_ name: NodeName, to address: NodeAddress) {
    if state.members[name] != nil { memberAlive(name, at: address) }
  }

  /// The newest times that this node has seen.
  mutating func clocksMoved(member: LamportTime, event: LamportTime?, query: LamportTime) {
    guard !hasLeft || settings.rejoinAfterLeave else { return }
    (clocks.memberTime, clocks.eventTime, clocks.queryTime) = (member, event, query)
  }

  /// The node leaves for good, or until it is told to rejoin.
  mutating func left() {
    guard !hasLeft else { return }
    hasLeft = true
    isUrgent = true
    addClocks()
    if !settings.rejoinAfterLeave { (state, clocks) = (SnapshotState(), SnapshotState()) }
    add(.leave)
  }

  /// The node ends: the last write does not wait.
  mutating func ends() { isUrgent = true }

  private mutating func add(_ record: SnapshotRecord) {
    // The new file will have it.
    guard !needsReplacement else { return }
    record.encode(into: &news)
    newsCount += 1
    if news.count > Self.newsLimit { replace() }
  }

  private mutating func replace() {
    needsReplacement = true
    news = []
    newsCount = 0
  }

  private mutating func addClocks() {
    if let time = clocks.memberTime, time > state.memberTime ?? 0 {
      state.memberTime = time
      add(.memberTime(time))
    }
    // Zero is news here: there was no event yet, so none that comes later is old.
    if let time = clocks.eventTime, state.eventTime.map({ time > $0 }) ?? true {
      state.eventTime = time
      add(.eventTime(time))
    }
    if let time = clocks.queryTime, time > state.queryTime ?? 0 {
      state.queryTime = time
      add(.queryTime(time))
    }
  }

  // MARK: Writing

  /// When the next write is due, if nothing else comes; nil when there is nothing to write, or a write runs.
  func nextWrite(after now: Instant) -> Instant? {
    guard !isBusy, hasNews else { return nil }
    let due = now + Self.delay
    guard needsReplacement, hasFailed, let replacedAt else { return due }
    return max(due, replacedAt + Self.pauseAfterFailure)
  }

  private var hasNews: Bool {
    needsReplacement || !news.isEmpty
      || clocks.memberTime ?? 0 > state.memberTime ?? 0 || clocks.queryTime ?? 0 > state.queryTime ?? 0
      || (clocks.eventTime.map { time in state.eventTime.map { time > $0 } ?? true } ?? false)
  }

  /// The next order; nil when a write runs, or there is nothing to write. `lines` is how many lines it appends.
  mutating func nextOrder(at now: Instant) -> (order: SnapshotOrder, lines: UInt64)? {
    guard !isBusy else { return nil }
    addClocks()
    if needsReplacement {
      (needsReplacement, isReplacing, replacedAt) = (false, true, now)
      (isBusy, isUrgent) = (true, false)
      return (.replace(state, hasLeft: hasLeft), 0)
    }
    // Without news the last write may still have to be made durable.
    guard !news.isEmpty || isUrgent else { return nil }
    if !news.isEmpty { SnapshotBlock.close(&news, from: 0) }
    defer { (news, newsCount, isBusy, isUrgent) = ([], 0, true, false) }
    return (.append(news, isDurable: isUrgent), newsCount)
  }

  /// The write has ended: the file has this size now, or may be damaged.
  mutating func written(_ result: Result<Int, SnapshotFailure>) {
    isBusy = false
    switch result {
    case .success(let size):
      hasFailed = false
      // A file that cannot become smaller than the limit is not written again and again.
      if isReplacing { sizeLimit = max(settings.minimumCompactionSize, 2 * size) }
      let limit = max(sizeLimit, state.members.count * Self.bytesPerMember)
      if size > limit { replace() }
    case .failure:
      hasFailed = true
      replace()
    }
    isReplacing = false
  }

  /// News is written so long after it came, so that a process that is killed loses at most half a second.
  static let delay = Duration.milliseconds(250)
  static let pauseAfterFailure = Duration.seconds(30)
  /// What may wait for a slow disk; a new file is the better choice then.
  private static let newsLimit = 256 * 1_024
  /// Go's estimate of a line, twice.
  private static let bytesPerMember = 128 * 2
}
