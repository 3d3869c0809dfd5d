/// Datagrams that found the kernel's send buffer full: they wait, in order, until it has room again. The number of bytes is limited.
package struct DatagramBacklog<Target> {
  private struct Waiting {
    var bytes: ArraySlice<UInt8>
    let target: Target
  }

  private let limit: Int
  private var waiting: [Waiting] = []
  /// The index in ``waiting`` of the first one; those before it have been sent.
  private var head = 0

  /// How many bytes wait.
  package private(set) var byteCount = 0

  /// An empty backlog for up to `limit` bytes.
  package init(limit: Int) { self.limit = limit }

  /// Whether nothing waits.
  package var isEmpty: Bool { head == waiting.count }

  /// Adds bytes after those that wait. False, without adding anything, when they do not fit.
  package mutating func append(_ bytes: UnsafeRawBufferPointer, for target: Target) -> Bool {
    guard byteCount + bytes.count <= limit else { return false }
    byteCount += bytes.count
    waiting.append(Waiting(bytes: Array(bytes)[...], target: target))
    return true
  }

  /// The datagram that waits longest.
  package var first: (bytes: ArraySlice<UInt8>, target: Target)? {
    guard head < waiting.count else { return nil }
    return (waiting[head].bytes, waiting[head].target)
  }

  /// The first was sent except for its last `rest` bytes, which go on waiting in its place.
  package mutating func firstSent(but rest: Int) {
    guard head < waiting.count else { return }
    byteCount -= waiting[head].bytes.count - rest
    waiting[head].bytes = waiting[head].bytes.suffix(rest)
    guard rest == 0 else { return }
    head += 1
    guard head == waiting.count || head > 256 else { return }
    waiting.removeFirst(head)
    head = 0
  }

  /// Drops everything.
  package mutating func removeAll() {
    waiting = []
    head = 0
    byteCount = 0
  }
}
