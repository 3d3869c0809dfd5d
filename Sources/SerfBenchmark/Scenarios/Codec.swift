import SerfPrimitives
import SerfWire

/// How long messages take to encode and to decode, in one thread. The Go side does the same with go-msgpack, used as memberlist uses it.
struct CodecScenario {
  let conditions: Conditions

  func run(seconds: Int) throws -> Findings {
    let alive = CodecMessages.alive()
    let pushPull = CodecMessages.pushPull()
    guard try CodecMessages.decode(alive: alive) == 1, try CodecMessages.decode(pushPull: pushPull) == 20 else { throw Unreadable() }
    var buffer: [UInt8] = []
    let share = Duration.seconds(seconds) / 4
    conditions.line("codec").adding("ok", true).adding("alive_bytes", alive.count).adding("pushpull_bytes", pushPull.count)
      .adding("alive_encode_ns", Self.nanoseconds(share) { CodecMessages.encodeAlive(into: &buffer) })
      .adding("alive_decode_ns", try Self.nanoseconds(share) { _ = try CodecMessages.decode(alive: alive) })
      .adding("pushpull_encode_ns", Self.nanoseconds(share) { CodecMessages.encodePushPull(into: &buffer) })
      .adding("pushpull_decode_ns", try Self.nanoseconds(share) { _ = try CodecMessages.decode(pushPull: pushPull) })
      .emit()
    return Findings()
  }

  struct Unreadable: Error, CustomStringConvertible {
    let description = "the codec does not read what it wrote"
  }

  /// How long one call takes: the fastest of ten rounds, because what else the machine does only adds time.
  private static func nanoseconds(_ length: Duration, _ body: () throws -> Void) rethrows -> Double {
    var calls = 1
    while try elapsed(calls, body) < length / 20 { calls *= 2 }
    var best = Duration.seconds(3600)
    for _ in 0..<10 { best = min(best, try elapsed(calls, body)) }
    return best.seconds * 1e9 / Double(calls)
  }

  private static func elapsed(_ calls: Int, _ body: () throws -> Void) rethrows -> Duration {
    let start = ContinuousClock.now
    for _ in 0..<calls { try body() }
    return ContinuousClock.now - start
  }
}

/// The messages that are measured: those of the wire vectors.
package enum CodecMessages {
  private static let name = Array("node-a".utf8)
  private static let meta = Array("meta!".utf8)
  private static let names = (0..<20).map { Array("node-\($0)".utf8) }
  private static let user = [UInt8](repeating: 0, count: 200)
  private static let address = NodeAddress(ipv4: 127, 0, 0, 1, port: 7946)
  private static let versions = ProtocolVersions(
    protocolMinimum: 1, protocolMaximum: 5, protocolCurrent: 2, delegateMinimum: 2, delegateMaximum: 5, delegateCurrent: 4)

  /// The vector `alive_ipv4_meta`.
  package static func alive() -> [UInt8] {
    var bytes: [UInt8] = []
    encodeAlive(into: &bytes)
    return bytes
  }

  /// A push/pull of 20 nodes like the one of the vectors, with 200 bytes of user state.
  package static func pushPull() -> [UInt8] {
    var bytes: [UInt8] = []
    encodePushPull(into: &bytes)
    return bytes
  }

  /// Into a buffer that is used again, as the node does.
  @inline(never)
  static func encodeAlive(into bytes: inout [UInt8]) {
    bytes.removeAll(keepingCapacity: true)
    Alive(incarnation: 1, node: name.span.bytes, address: address, meta: meta.span.bytes, versions: versions).encode(into: &bytes)
  }

  @inline(never)
  static func encodePushPull(into bytes: inout [UInt8]) {
    bytes.removeAll(keepingCapacity: true)
    PushPullHeader(isJoin: false, nodeCount: names.count, userStateLength: user.count).encode(into: &bytes)
    for name in names {
      PushPullNode(name: name.span.bytes, address: address, meta: meta.span.bytes, incarnation: 1, state: 0, versions: versions)
        .encode(into: &bytes)
    }
    bytes.append(contentsOf: user)
  }

  /// The incarnation.
  @inline(never)
  static func decode(alive bytes: [UInt8]) throws(WireError) -> UInt32 {
    let message = try Alive(decoding: bytes.span.bytes.extracting(droppingFirst: 1))
    guard message.node.byteCount == name.count, message.meta?.byteCount == meta.count, message.address == address,
      message.versions == versions
    else { throw .truncated }
    return message.incarnation
  }

  /// How many nodes it has.
  @inline(never)
  static func decode(pushPull bytes: [UInt8]) throws(WireError) -> UInt32 {
    var message = try PushPull(decoding: bytes.span.bytes)
    var sum: UInt32 = 0
    while let node = try message.nextNode() {
      guard node.meta?.byteCount == meta.count, node.address == address, node.versions == versions else { throw .truncated }
      sum += node.incarnation
    }
    return sum
  }
}
