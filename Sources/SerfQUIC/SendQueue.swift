internal import CNgtcp2

/// Bytes to be sent on a stream, kept alive and unchanged until the peer has acknowledged them: ngtcp2 refers to them, it does not copy.
package struct SendChunk {
  let base: UnsafeRawPointer
  package let count: Int
  private let owner: AnyObject

  /// Refers to bytes that live, unchanged, as long as `owner` does: no copy.
  ///
  /// For a `ByteBuffer`, its storage and the pointer from `withUnsafeReadableBytesWithStorageManagement`.
  package init(_ bytes: UnsafeRawBufferPointer, ownedBy owner: AnyObject) {
    base = bytes.baseAddress ?? UnsafeRawPointer(Unmanaged.passUnretained(owner).toOpaque())
    count = bytes.count
    self.owner = owner
  }

  /// A copy of `bytes`.
  package init(copying bytes: RawSpan) {
    let storage = Storage(bytes)
    self.init(UnsafeRawBufferPointer(storage.bytes), ownedBy: storage)
  }

  /// A copy of `bytes`.
  package init(copying bytes: [UInt8]) { self.init(copying: bytes.span.bytes) }

  private final class Storage {
    let bytes: UnsafeMutableRawBufferPointer

    init(_ source: RawSpan) {
      bytes = .allocate(byteCount: source.byteCount, alignment: 16)
      source.withUnsafeBytes { bytes.copyMemory(from: $0) }
    }

    deinit { bytes.deallocate() }
  }
}

/// The sending half of a stream: chunks that are unsent, partly sent, or sent and not yet acknowledged.
struct SendQueue {
  private var chunks: [SendChunk] = []
  /// The chunk at which unsent bytes begin, and how much of it is sent.
  private var unsentChunk = 0
  private var unsentOffset = 0
  /// How much of the first chunk is acknowledged.
  private var acknowledgedOffset = 0

  /// Bytes that are queued and not yet sent.
  private(set) var unsent = 0
  /// Bytes that are sent and not yet acknowledged.
  private(set) var inFlight = 0
  /// No bytes follow.
  private(set) var isFinished = false
  /// ngtcp2 has taken note of the end.
  private(set) var isEndSent = false

  /// Whether there is anything for ngtcp2 to take.
  var hasWork: Bool { unsent > 0 || (isFinished && !isEndSent) }

  mutating func append(_ chunk: SendChunk) {
    guard chunk.count > 0 else { return }
    chunks.append(chunk)
    unsent += chunk.count
  }

  mutating func finish() { isFinished = true }

  /// Calls `body` with up to `limit` unsent bytes as pieces, and whether the stream ends with them.
  func withPieces<Result>(
    limit: Int, into pieces: UnsafeMutableBufferPointer<SendPiece>, _ body: (_ count: Int, _ end: Bool) -> Result
  ) -> Result {
    var used = 0
    var total = 0
    var index = unsentChunk
    var offset = unsentOffset
    while index < chunks.count, used < pieces.count, total < limit {
      let count = min(chunks[index].count - offset, limit - total)
      pieces[used] = SendPiece(base: (chunks[index].base + offset).assumingMemoryBound(to: UInt8.self), count: count)
      used += 1
      total += count
      index += 1
      offset = 0
    }
    return body(used, isFinished && total == unsent)
  }

  /// ngtcp2 took `count` bytes, and the end with them if `end`.
  mutating func sent(_ count: Int, end: Bool) {
    unsent -= count
    inFlight += count
    var rest = count
    while rest > 0 {
      let step = min(rest, chunks[unsentChunk].count - unsentOffset)
      rest -= step
      unsentOffset += step
      if unsentOffset == chunks[unsentChunk].count {
        unsentChunk += 1
        unsentOffset = 0
      }
    }
    if end { isEndSent = true }
  }

  /// The peer has the next `count` bytes; chunks that it has whole are let go.
  mutating func acknowledged(_ count: Int) {
    inFlight -= count
    acknowledgedOffset += count
    var whole = 0
    while whole < unsentChunk, acknowledgedOffset >= chunks[whole].count {
      acknowledgedOffset -= chunks[whole].count
      whole += 1
    }
    guard whole > 0 else { return }
    chunks.removeFirst(whole)
    unsentChunk -= whole
  }
}
