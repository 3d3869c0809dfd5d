internal import CNgtcp2

/// Bytes to be sent on a stream, kept alive and unchanged until the peer has acknowledged them: ngtcp2 refers to them and does not copy them.
package struct SendChunk {
  let base: UnsafeRawPointer
  package let count: Int
  private let owner: AnyObject

  /// Refers, without a copy, to bytes that stay unchanged as long as `owner` lives.
  ///
  /// For a `ByteBuffer`: its storage and the pointer from `withUnsafeReadableBytesWithStorageManagement`.
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

  /// A copy of `bytes` in pieces, each of which is released when the peer has it, or when it is given up unsent.
  package static func pieces(copying bytes: [UInt8]) -> [SendChunk] {
    stride(from: 0, to: bytes.count, by: pieceLength).map { start in
      SendChunk(copying: bytes.span.bytes.extracting(start..<min(start + pieceLength, bytes.count)))
    }
  }

  /// The most that a reset stream keeps beyond the bytes in flight. It is small, because a peer may have 64 such streams.
  private static let pieceLength = 16 << 10

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
  private var isGivenUp = false

  /// Whether there is anything for ngtcp2 to take.
  var hasWork: Bool { unsent > 0 || (isFinished && !isEndSent) }

  mutating func append(_ chunk: SendChunk) {
    guard chunk.count > 0, !isGivenUp else { return }
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

  /// The peer has the next `count` bytes; chunks that it has completely are released. Returns how many bytes those are.
  @discardableResult
  mutating func acknowledged(_ count: Int) -> Int {
    inFlight -= count
    acknowledgedOffset += count
    var whole = 0
    var bytes = 0
    while whole < unsentChunk, acknowledgedOffset >= chunks[whole].count {
      bytes += chunks[whole].count
      acknowledgedOffset -= chunks[whole].count
      whole += 1
    }
    if whole > 0 {
      chunks.removeFirst(whole)
      unsentChunk -= whole
    }
    if isGivenUp, inFlight <= 0 { chunks = [] }
    return bytes
  }

  /// No more bytes are sent. What ngtcp2 has seen stays until the peer has it, because ngtcp2 may send it again even on a stream that was reset.
  mutating func giveUp() {
    isGivenUp = true
    unsent = 0
    isFinished = true
    isEndSent = true
    chunks.removeSubrange(inFlight > 0 ? min(chunks.count, unsentChunk + (unsentOffset > 0 ? 1 : 0))... : 0...)
  }

  /// How many bytes are kept, including acknowledged ones of an unfinished chunk.
  var kept: Int { chunks.reduce(0) { $0 + $1.count } }
}
