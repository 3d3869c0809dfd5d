/// Datagrams that found the kernel's send buffer full: they wait, in order, until it has room again. Bounded in bytes.
package struct DatagramBacklog<Target> {
  private struct Waiting {
    var bytes: ArraySlice<UInt8>
    let target: Target
  }

  private let limit: Int
  private var waiting: [Waiting] = []
  /// Where in ``waiting`` the first is; what is before it has been sent.
  private var head = 0

  /// How many bytes wait.
  package private(set) var byteCount = 0

  /// Nothing waits; up to `limit` bytes may.
  package init(limit: Int) { self.limit = limit }

  /// Whether nothing waits.
  package var isEmpty: Bool { head == waiting.count }

  /// Adds bytes behind those that wait. False, and nothing added, when they do not fit.
  package mutating func append(_ bytes: UnsafeRawBufferPointer, for target: Target) -> Bool {
    guard byteCount + bytes.count <= limit else { return false }
    byteCount += bytes.count
    waiting.append(Waiting(bytes: Array(bytes)[...], target: target))
    return true
  }

  /// What waits longest.
  package var first: (bytes: ArraySlice<UInt8>, target: Target)? {
    guard head < waiting.count else { return nil }
    return (waiting[head].bytes, waiting[head].target)
  }

  /// The first was sent, but for its last `rest` bytes, which go on waiting in its place.
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

  /// Forgets everything.
  package mutating func removeAll() {
    waiting = []
    head = 0
    byteCount = 0
  }
}
