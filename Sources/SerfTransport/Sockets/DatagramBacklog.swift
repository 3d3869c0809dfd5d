import SerfPrimitives

/// Datagrams that found the kernel's send buffer full: they wait, in order, until it has room again. The number of bytes is limited.
package struct DatagramBacklog<Target> {
  private struct Waiting {
    var bytes: ArraySlice<UInt8>
    let target: Target
  }

  private let limit: Int
  private var queue = DrainQueue<Waiting>()

  /// How many bytes wait.
  package private(set) var byteCount = 0

  /// An empty backlog for up to `limit` bytes.
  package init(limit: Int) { self.limit = limit }

  /// Whether nothing waits.
  package var isEmpty: Bool { queue.isEmpty }

  /// Adds bytes after those that wait. False, without adding anything, when they do not fit.
  package mutating func append(_ bytes: UnsafeRawBufferPointer, for target: Target) -> Bool {
    guard byteCount + bytes.count <= limit else { return false }
    byteCount += bytes.count
    queue.append(Waiting(bytes: Array(bytes)[...], target: target))
    return true
  }

  /// The datagram that waits longest.
  package var first: (bytes: ArraySlice<UInt8>, target: Target)? {
    queue.first.map { ($0.bytes, $0.target) }
  }

  /// The first was sent except for its last `rest` bytes, which go on waiting in its place.
  package mutating func firstSent(but rest: Int) {
    guard let first = queue.first else { return }
    byteCount -= first.bytes.count - rest
    if rest == 0 { _ = queue.popFirst() } else { queue.modifyFirst { $0.bytes = $0.bytes.suffix(rest) } }
  }

  /// Drops everything.
  package mutating func removeAll() {
    queue.removeAll()
    byteCount = 0
  }
}
