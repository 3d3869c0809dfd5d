import SerfPrimitives
import SerfWire

/// Where the bytes of a packet or message are in the outbox.
package struct PacketSlot: Hashable, Sendable {
  let start: Int
  /// How many bytes there are.
  package let count: Int

  init(start: Int, count: Int) {
    self.start = start
    self.count = count
  }
}

/// What the core wants the caller to do, in order. The bytes of all packets are back to back in one arena that is used again and again.
///
/// Once ``next()`` has returned nil the arena is free: the following input overwrites it. Until then every slot stays valid.
package struct Outbox: ~Copyable, Sendable {
  private var outputs = DrainQueue<MembershipOutput>()
  private var isDrained = false
  private var reports = 0
  /// The bytes of all slots. Writers append here, between ``begin()`` and ``end(_:)``.
  var arena: [UInt8] = []

  init() {}

  /// The bytes of a slot.
  @_lifetime(borrow self)
  package func bytes(_ slot: PacketSlot) -> RawSpan {
    arena.span.bytes.extracting(slot.start..<slot.start + slot.count)
  }

  /// Begins a slot at the end of the arena.
  mutating func begin() -> Int {
    recycle()
    return arena.count
  }

  /// Everything appended since `start`.
  func end(_ start: Int) -> PacketSlot { PacketSlot(start: start, count: arena.count - start) }

  /// Copies bytes into a slot.
  mutating func copy(_ bytes: RawSpan) -> PacketSlot {
    let start = begin()
    arena.append(copying: bytes)
    return end(start)
  }

  mutating func push(_ output: MembershipOutput) {
    recycle()
    outputs.append(output)
  }

  mutating func push(_ order: TransportOrder) { push(.transport(order)) }

  /// One message can hold a million mistakes; the first ones of a batch are reported, and the counters count all of them.
  mutating func report(_ diagnostic: MembershipDiagnostic) {
    recycle()
    guard reports < Self.reportLimit else { return }
    reports += 1
    outputs.append(.diagnostic(diagnostic))
  }

  /// Whether nothing waits.
  var isEmpty: Bool { outputs.isEmpty }

  mutating func next() -> MembershipOutput? {
    if let output = outputs.popFirst() { return output }
    isDrained = true
    return nil
  }

  private mutating func recycle() {
    guard isDrained else { return }
    isDrained = false
    reports = 0
    // A push/pull with a large state would otherwise keep its memory for as long as the node lives.
    if arena.capacity > Self.keptCapacity { arena = [] } else { arena.removeAll(keepingCapacity: true) }
  }

  private static let keptCapacity = 1 << 20
  /// How many diagnostics one batch of input may cause.
  package static let reportLimit = 256
}
