package import SerfPrimitives

/// What a snapshot says: the members that were in the cluster, and how far the three clocks had come.
package struct SnapshotState: Hashable, Sendable {
  /// The members that neither failed nor left, this node included.
  package var members: [NodeName: NodeAddress] = [:]
  /// The last members that failed and did not leave.
  package var remembered = RememberedMembers()
  /// The newest time of the member clock; nil when nothing is known of it.
  package var memberTime: LamportTime?
  /// The newest time of a user event; nil when nothing is known of it.
  package var eventTime: LamportTime?
  /// The newest time of a query; nil when nothing is known of it.
  package var queryTime: LamportTime?

  package init() {}

  /// Takes note of one line. A leave ends what the lines before it said, unless the node is to rejoin nevertheless.
  package mutating func apply(_ record: SnapshotRecord, rejoinAfterLeave: Bool) {
    switch record {
    case .alive(let name, let address):
      members[name] = address
      remembered.forget(name)
    case .gone(let name):
      members[name] = nil
      remembered.forget(name)
    case .remembered(let name, let address):
      members[name] = nil
      remembered.remember(name, at: address)
    case .memberTime(let time): memberTime = time
    case .eventTime(let time): eventTime = time
    case .queryTime(let time): queryTime = time
    case .leave: if !rejoinAfterLeave { self = SnapshotState() }
    case .nothing: break
    }
  }

  /// Appends the lines of a whole file, in blocks with their sums.
  package func encode(hasLeft: Bool = false, into bytes: inout [UInt8]) {
    var block = bytes.count
    var lines = 0
    // In an order of their own, so that the file follows from the state.
    let alive = members.sorted(by: { $0.key < $1.key }).map { SnapshotRecord.alive($0.key, $0.value) }
    for record in alive + remembered.entries.map({ SnapshotRecord.remembered($0.name, $0.address) }) {
      record.encode(into: &bytes)
      lines += 1
      guard lines == SnapshotBlock.lineLimit else { continue }
      SnapshotBlock.close(&bytes, from: block)
      (block, lines) = (bytes.count, 0)
    }
    if let memberTime { SnapshotRecord.memberTime(memberTime).encode(into: &bytes) }
    if let eventTime { SnapshotRecord.eventTime(eventTime).encode(into: &bytes) }
    if let queryTime { SnapshotRecord.queryTime(queryTime).encode(into: &bytes) }
    if hasLeft { SnapshotRecord.leave.encode(into: &bytes) }
    if bytes.count > block { SnapshotBlock.close(&bytes, from: block) }
  }
}
