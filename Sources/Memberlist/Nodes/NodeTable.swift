package import SerfPrimitives
import SerfWire

/// Where a node's row is. The generation tells whether the row was given to another node since. So a probe or timer that outlives its node finds
/// nothing instead of another node.
package struct NodeIndex: Hashable, Sendable {
  let row: UInt32
  let generation: UInt32
}

/// Every node that we know of, including dead and left ones until they are reaped: rows found by name bytes, and a list in probe order.
///
/// Looking a name up neither allocates nor copies. The hash table uses open addressing with linear probing over row numbers. Its hash is the
/// language's seeded one, because peers choose the names. Nothing iterates over it: code that visits all nodes walks ``order``.
package struct NodeTable: ~Copyable, Sendable {
  private var rows: [NodeState] = []
  private var generations: [UInt32] = []
  private var freeRows: [UInt32] = []
  /// Row number + 1, or 0 for an empty slot.
  private var slots: [UInt32] = Array(repeating: 0, count: 16)
  private var hashes: [Int] = []

  /// All nodes in the order in which they are probed.
  package private(set) var order: [NodeIndex] = []
  /// Members that the transport has a connection to.
  package private(set) var warm: [NodeIndex] = []
  /// Nodes that have never been at the other end of a connection themselves.
  package private(set) var unprovenCount = 0

  package init() {}

  /// How many nodes there are, in any state. Every logarithm of the protocol is of this number.
  package var count: Int { order.count }

  /// The node of this name, or nil.
  package func find(_ name: RawSpan) -> NodeIndex? {
    guard let row = row(of: name) else { return nil }
    return NodeIndex(row: UInt32(row), generation: generations[row])
  }

  /// The node of this name, or nil.
  package func find(_ name: NodeName) -> NodeIndex? { find(name.bytes.span.bytes) }

  /// These bytes as a name. Where a node of the table has it, it shares that node's memory, so that nothing is allocated for names that are known.
  package func name(of bytes: RawSpan) -> NodeName {
    if let row = row(of: bytes) { return rows[row].member.name }
    return NodeName(bytes: [UInt8](copying: bytes))
  }

  /// Whether the index still names a node.
  package func contains(_ index: NodeIndex) -> Bool { generations[Int(index.row)] == index.generation }

  /// The row at an index that is known to be valid. Inlined, because a call of such an accessor allocates its frame.
  package subscript(_ index: NodeIndex) -> NodeState {
    @inline(__always) _read {
      precondition(contains(index), "the node was reaped")
      yield rows[Int(index.row)]
    }
    @inline(__always) _modify {
      precondition(contains(index), "the node was reaped")
      yield &rows[Int(index.row)]
    }
  }

  /// Adds a node whose name is not in the table, at a random place of the probe order (`memberlist.md` 4.2).
  package mutating func insert(_ state: NodeState, random: inout SeededRandom) -> NodeIndex {
    if (order.count + 1) * 4 > slots.count * 3 { grow() }
    let row: Int
    if let free = freeRows.popLast() {
      row = Int(free)
      rows[row] = state
    } else {
      row = rows.count
      rows.append(state)
      generations.append(0)
      hashes.append(0)
    }
    hashes[row] = Self.hash(state.member.name.bytes.span.bytes)
    place(row)
    let index = NodeIndex(row: UInt32(row), generation: generations[row])
    order.append(index)
    if order.count > 1 { order.swapAt(order.count - 1, random.below(order.count - 1)) }
    if !state.isProven { unprovenCount += 1 }
    return index
  }

  /// Drops the nodes that have been dead or left for longer than `age`, but never `kept`. Returns their names.
  package mutating func reap(olderThan age: Duration, except kept: NodeIndex?, at now: Instant) -> [NodeName] {
    var names: [NodeName] = []
    var remaining = 0
    for position in order.indices {
      let index = order[position]
      let row = Int(index.row)
      if rows[row].state.isLive || index == kept || now - rows[row].changedAt <= age {
        order[remaining] = index
        remaining += 1
      } else {
        names.append(rows[row].member.name)
        remove(index)
      }
    }
    order.removeLast(order.count - remaining)
    return names
  }

  /// Shuffles the probe order (Fisher and Yates).
  package mutating func shuffleOrder(_ random: inout SeededRandom) {
    guard order.count > 1 else { return }
    for position in stride(from: order.count - 1, to: 0, by: -1) { order.swapAt(position, random.below(position + 1)) }
  }

  /// Notes that the node itself was at the other end of a connection.
  mutating func markProven(_ index: NodeIndex) {
    guard !self[index].isProven else { return }
    self[index].isProven = true
    unprovenCount -= 1
  }

  /// Notes whether the transport has a connection to the node.
  package mutating func setWarm(_ index: NodeIndex, _ isWarm: Bool) {
    if isWarm {
      guard self[index].warmPosition == nil else { return }
      self[index].warmPosition = warm.count
      warm.append(index)
    } else if let position = self[index].warmPosition {
      self[index].warmPosition = nil
      let last = warm.removeLast()
      guard position < warm.count else { return }
      warm[position] = last
      self[last].warmPosition = position
    }
  }

  // MARK: The hash table

  private static func hash(_ name: RawSpan) -> Int {
    var hasher = Hasher()
    name.withUnsafeBytes { hasher.combine(bytes: $0) }
    return hasher.finalize()
  }

  private func row(of name: RawSpan) -> Int? {
    let hash = Self.hash(name)
    var slot = hash & (slots.count - 1)
    while slots[slot] != 0 {
      let row = Int(slots[slot]) - 1
      if hashes[row] == hash, name.equals(rows[row].member.name.bytes) { return row }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  private mutating func place(_ row: Int) {
    var slot = hashes[row] & (slots.count - 1)
    while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = UInt32(row) + 1
  }

  private mutating func grow() {
    slots = Array(repeating: 0, count: slots.count * 2)
    for index in order { place(Int(index.row)) }
  }

  private mutating func remove(_ index: NodeIndex) {
    setWarm(index, false)
    let row = Int(index.row)
    if !rows[row].isProven { unprovenCount -= 1 }
    var hole = hashes[row] & (slots.count - 1)
    while Int(slots[hole]) != row + 1 { hole = (hole + 1) & (slots.count - 1) }
    // Moves later entries of the run back, so that no look-up stops early at the hole.
    var next = hole
    while true {
      next = (next + 1) & (slots.count - 1)
      guard slots[next] != 0 else { break }
      let home = hashes[Int(slots[next]) - 1] & (slots.count - 1)
      let reaches = next > hole ? home <= hole || home > next : home <= hole && home > next
      if reaches {
        slots[hole] = slots[next]
        hole = next
      }
    }
    slots[hole] = 0
    generations[row] &+= 1
    rows[row] = NodeState(member: GossipMember(name: NodeName(bytes: []), address: rows[row].member.address), changedAt: .zero)
    freeRows.append(UInt32(row))
  }
}
