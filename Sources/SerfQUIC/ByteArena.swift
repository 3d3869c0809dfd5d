/// Bytes that an event carries: a place in the endpoint's arena, valid until the endpoint's next input.
package struct ByteSlot: Hashable, Sendable {
  let block: Int32
  let offset: Int32
  package let count: Int
}

/// Holds received bytes until the endpoint's owner drains the events. Blocks never move and are used again once all events are drained, so that
/// steady traffic allocates nothing.
struct ByteArena: ~Copyable {
  private static let blockSize = 64 << 10
  /// Beyond this many, blocks go back to the system after a burst.
  private static let keptBlocks = 4

  private var blocks: [UnsafeMutableRawBufferPointer] = []
  private var current = 0
  private var used = 0

  deinit {
    for block in blocks { block.deallocate() }
  }

  mutating func append(_ bytes: UnsafeRawBufferPointer) -> ByteSlot {
    while current < blocks.count, blocks[current].count - used < bytes.count {
      current += 1
      used = 0
    }
    if current == blocks.count {
      blocks.append(.allocate(byteCount: max(Self.blockSize, bytes.count), alignment: 16))
    }
    let slot = ByteSlot(block: Int32(current), offset: Int32(used), count: bytes.count)
    UnsafeMutableRawBufferPointer(rebasing: blocks[current][used...]).copyMemory(from: bytes)
    used += bytes.count
    return slot
  }

  func bytes(_ slot: ByteSlot) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: blocks[Int(slot.block)][Int(slot.offset)..<Int(slot.offset) + slot.count])
  }

  mutating func reset() {
    while blocks.count > Self.keptBlocks { blocks.removeLast().deallocate() }
    current = 0
    used = 0
  }
}

/// Events and their bytes, in order. Connections append them, and the endpoint's owner takes them out.
final class Inbox {
  private var events: [QUICEvent] = []
  private var next = 0
  private var arena = ByteArena()

  var isDrained: Bool { next == events.count }

  func append(_ event: QUICEvent) { events.append(event) }

  func store(_ bytes: UnsafeRawBufferPointer) -> ByteSlot { arena.append(bytes) }

  func bytes(_ slot: ByteSlot) -> UnsafeRawBufferPointer { arena.bytes(slot) }

  func take() -> QUICEvent? {
    guard next < events.count else { return nil }
    defer { next += 1 }
    return events[next]
  }

  /// Called at the beginning of an input: drops what was drained. While events wait, their bytes stay.
  func recycle() {
    guard isDrained, next > 0 else { return }
    events.removeAll(keepingCapacity: events.capacity < 4096)
    next = 0
    arena.reset()
  }
}
