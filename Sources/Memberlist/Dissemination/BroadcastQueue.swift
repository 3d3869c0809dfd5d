import SerfPrimitives
import SerfWire

/// Names a broadcast about whose end the core or the layer above is told.
package struct BroadcastID: Hashable, Sendable {
  package let value: UInt64

  package init(_ value: UInt64) { self.value = value }
}

/// Where a queued broadcast is. A slot is used again and again; the order number tells one broadcast in it from another.
package struct BroadcastHandle: Hashable, Sendable {
  let slot: Int
  let order: UInt64
}

/// Messages that wait to be piggybacked: the least transmitted go first, and of those the next in ``Order`` (`memberlist.md` section 4.11).
///
/// Broadcasts of one transmission count form a *tier*, which is sorted. A packet is filled in two steps: ``take(limit:overhead:parts:)`` picks, and
/// after the caller has copied the bytes, ``commit(transmissions:finished:)`` counts. Slots keep their byte arrays, so that a steady flow of broadcasts
/// allocates nothing.
package struct BroadcastQueue: Sendable {
  /// Which of the broadcasts that were transmitted equally often goes first.
  package enum Order: Sendable {
    /// The longest, then the newest, as Go's. A binary search finds the best fit for what is left of a packet.
    case longest
    /// The oldest: for messages that members refuse once they have got enough newer ones. One that is too long for what is left of a packet lets
    /// those behind it pass.
    case oldest
  }

  private struct Item: Sendable {
    var bytes: [UInt8] = []
    var order: UInt64 = 0
    var notice: BroadcastID?
    var transmissions = 0
    var isQueued = false
    /// It is in ``news`` and in no tier.
    var isNews = false
  }

  private struct Entry: Sendable {
    var length: Int
    var order: UInt64
    var slot: Int

    /// The last entry of a tier is the next to go.
    func precedes(_ other: Entry, _ queueOrder: Order) -> Bool {
      switch queueOrder {
      case .longest: length == other.length ? order < other.order : length < other.length
      case .oldest: order > other.order
      }
    }
  }

  private let order: Order
  private var items: [Item] = []
  private var freeSlots: [Int] = []
  /// Index: how often its entries were transmitted. Sorted, so that the last entry is the next to go.
  private var tiers: [[Entry]] = []
  /// What is to be passed on at once, the oldest first. Entries whose broadcast has ended meanwhile are skipped.
  private var news = DrainQueue<BroadcastHandle>()
  private var nextOrder: UInt64 = 0
  private var taken: [Int] = []
  /// No message is longer. It is found anew when the queue was empty.
  private var longest = 0

  /// How many broadcasts wait.
  package private(set) var count = 0
  /// The bytes of all of them together.
  package private(set) var byteCount = 0
  /// The bytes of those that are news.
  package private(set) var newsBytes = 0

  package init(order: Order = .longest) { self.order = order }

  package var isEmpty: Bool { count == 0 }

  /// Adds a message, which is copied into the memory of a slot; `replacing` names an older one about the same thing, which is then reported as finished.
  /// News waits for ``takeNews(limit:overhead:parts:)``, everything else for ``take(limit:overhead:parts:)``.
  @discardableResult
  package mutating func add(
    _ message: RawSpan, replacing older: BroadcastHandle? = nil, notice: BroadcastID? = nil, isNews: Bool = false,
    finished: inout [BroadcastID]
  ) -> BroadcastHandle {
    if let older { remove(older, finished: &finished) }
    longest = max(count == 0 ? 0 : longest, message.byteCount)
    let slot: Int
    if let free = freeSlots.popLast() {
      slot = free
    } else {
      slot = items.count
      items.append(Item())
    }
    items[slot].bytes.append(copying: message)
    items[slot].order = nextOrder
    items[slot].notice = notice
    items[slot].transmissions = 0
    items[slot].isQueued = true
    nextOrder += 1
    count += 1
    byteCount += items[slot].bytes.count
    let handle = BroadcastHandle(slot: slot, order: items[slot].order)
    items[slot].isNews = isNews
    if isNews {
      news.append(handle)
      newsBytes += items[slot].bytes.count
    } else {
      insert(slot)
    }
    return handle
  }

  /// Whether the broadcast still waits.
  package func contains(_ handle: BroadcastHandle) -> Bool {
    items.indices.contains(handle.slot) && items[handle.slot].order == handle.order && items[handle.slot].isQueued
  }

  /// Takes a broadcast out, if it still waits.
  package mutating func remove(_ handle: BroadcastHandle, finished: inout [BroadcastID]) {
    guard contains(handle) else { return }
    if !items[handle.slot].isNews { unlink(handle.slot) }
    finish(handle.slot, &finished)
  }

  /// Picks what goes into a packet that has room for `limit` bytes: at most `parts` messages, each of which costs `overhead` more than its length.
  /// They are out of the queue until ``commit(transmissions:finished:)``; calling again before that picks more.
  ///
  /// Returns the bytes used, including overheads.
  package mutating func take(limit: Int, overhead: Int, parts: Int) -> Int {
    var used = 0
    var tier = 0
    var picked = 0
    while tier < tiers.count, picked < parts {
      let free = limit - used - overhead
      guard free > 0 else { break }
      guard let position = next(in: tiers[tier], upTo: free) else {
        tier += 1
        continue
      }
      let entry = tiers[tier].remove(at: position)
      used += overhead + entry.length
      picked += 1
      taken.append(entry.slot)
    }
    return used
  }

  /// Picks one message longer than `limit`, which no packet can hold.
  package mutating func takeOversized(limit: Int) -> Bool {
    guard longest > limit else { return false }
    for tier in tiers.indices {
      guard let position = tiers[tier].lastIndex(where: { $0.length > limit }) else { continue }
      taken.append(tiers[tier].remove(at: position).slot)
      return true
    }
    return false
  }

  /// Picks what goes into a packet of news, in the order of arrival; otherwise as ``take(limit:overhead:parts:)``.
  package mutating func takeNews(limit: Int, overhead: Int, parts: Int) -> Int {
    var used = 0
    var picked = 0
    while picked < parts, let slot = firstNews() {
      let length = items[slot].bytes.count
      guard used + overhead + length <= limit else { break }
      _ = news.popFirst()
      endNews(slot)
      used += overhead + length
      picked += 1
      taken.append(slot)
    }
    return used
  }

  /// Picks the oldest news if it is longer than `limit`: no packet can hold it with others. False if it is not. Where `isSent` is false it is put among
  /// the others, to wait for a push/pull.
  package mutating func takeOversizedNews(limit: Int, isSent: Bool) -> Bool {
    while let slot = firstNews(), items[slot].bytes.count > limit {
      _ = news.popFirst()
      endNews(slot)
      if isSent {
        taken.append(slot)
        return true
      }
      insert(slot)
    }
    return false
  }

  /// Whether there is news.
  package var hasNews: Bool { newsBytes > 0 }

  /// What is news becomes like the others.
  package mutating func settleNews() {
    while let slot = firstNews() {
      _ = news.popFirst()
      endNews(slot)
      insert(slot)
    }
  }

  private mutating func firstNews() -> Int? {
    while let handle = news.first {
      if contains(handle), items[handle.slot].isNews { return handle.slot }
      _ = news.popFirst()
    }
    return nil
  }

  private mutating func endNews(_ slot: Int) {
    items[slot].isNews = false
    newsBytes -= items[slot].bytes.count
  }

  /// How many were picked since the last commit.
  package var takenCount: Int { taken.count }

  /// The bytes of a message picked since the last commit.
  package func taken(_ position: Int) -> [UInt8] { items[taken[position]].bytes }

  /// Counts a transmission of each message picked, or `copies` of them. Those that went out often enough are finished, the others go back into the queue.
  package mutating func commit(copies: Int = 1, transmissions: Int, finished: inout [BroadcastID]) {
    for slot in taken {
      items[slot].transmissions += copies
      if items[slot].transmissions >= transmissions { finish(slot, &finished) } else { insert(slot) }
    }
    taken.removeAll(keepingCapacity: true)
  }

  /// Drops the most transmitted, of those the shortest if the longest go first, and of those the oldest, until `maximum` are left. Returns how many were
  /// dropped.
  ///
  /// Messages longer than `fitting` go first, because no packet takes them: they would wait for ever, and new ones would be dropped to make room for
  /// them.
  package mutating func prune(to maximum: Int, fitting limit: Int = .max, finished: inout [BroadcastID]) -> Int {
    var dropped = 0
    for tier in tiers.indices where longest > limit {
      while count > maximum, let position = tiers[tier].lastIndex(where: { $0.length > limit }) {
        finish(tiers[tier].remove(at: position).slot, &finished)
        dropped += 1
      }
    }
    for tier in tiers.indices.reversed() {
      while count > maximum, !tiers[tier].isEmpty {
        let entry = order == .oldest ? tiers[tier].removeLast() : tiers[tier].removeFirst()
        finish(entry.slot, &finished)
        dropped += 1
      }
    }
    while count > maximum, let slot = firstNews() {
      _ = news.popFirst()
      finish(slot, &finished)
      dropped += 1
    }
    return dropped
  }

  // MARK: Tiers

  /// The position of what goes next into a room of `length`.
  private func next(in entries: [Entry], upTo length: Int) -> Int? {
    if order == .oldest { return entries.suffix(Self.mayPass).lastIndex { $0.length <= length } }
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].length <= length { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? nil : low - 1
  }

  /// How many of the oldest are looked at for one that fits.
  private static let mayPass = 64

  private func position(of entry: Entry, in entries: [Entry]) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].precedes(entry, order) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func entry(_ slot: Int) -> Entry { Entry(length: items[slot].bytes.count, order: items[slot].order, slot: slot) }

  private mutating func insert(_ slot: Int) {
    let tier = items[slot].transmissions
    while tiers.count <= tier { tiers.append([]) }
    let entry = entry(slot)
    tiers[tier].insert(entry, at: position(of: entry, in: tiers[tier]))
  }

  private mutating func unlink(_ slot: Int) {
    let tier = items[slot].transmissions
    let position = position(of: entry(slot), in: tiers[tier])
    if position < tiers[tier].count, tiers[tier][position].slot == slot { tiers[tier].remove(at: position) }
  }

  private mutating func finish(_ slot: Int, _ finished: inout [BroadcastID]) {
    if let notice = items[slot].notice { finished.append(notice) }
    if items[slot].isNews { endNews(slot) }
    count -= 1
    byteCount -= items[slot].bytes.count
    items[slot].notice = nil
    items[slot].isQueued = false
    // A message far larger than a packet would keep its memory for as long as the queue lives.
    if items[slot].bytes.capacity > 4096 { items[slot].bytes = [] } else { items[slot].bytes.removeAll(keepingCapacity: true) }
    freeSlots.append(slot)
  }
}
