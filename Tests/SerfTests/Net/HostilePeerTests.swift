import Logging
import Memberlist
import NIOCore
import NIOPosix
import Serf
import SerfPrimitives
import SerfTestSupport
import SerfTransport
import Testing

/// Strangers with a socket: whatever they send is refused with a counter, and members do not notice.
@Suite(.serialized) struct HostilePeerTests {
  private static func encoded(_ body: (inout [UInt8]) -> Void) -> [UInt8] {
    var bytes: [UInt8] = []
    body(&bytes)
    return bytes
  }

  /// A push/pull header that claims more nodes than there could be.
  private static var hugeCount: [UInt8] {
    encoded { PushPullHeader(isJoin: true, nodeCount: 1 << 31, userStateLength: 0).encode(into: &$0) }
  }
  private static var hugeLength: [UInt8] { encoded { UserMessageHeader(length: Int(Int32.max)).encode(into: &$0) } }
  /// 60 MiB of zeros in some kilobytes.
  private static let bomb = encoded { bytes in
    let zeros = encoded { UserMessageHeader(length: 60 << 20).encode(into: &$0) } + [UInt8](repeating: 0, count: 60 << 20)
    var codec = LZWCodec()
    codec.compress(zeros.span.bytes, into: &bytes, onlyIfSmaller: false)
  }

  static let refused: [(String, [UInt8], String)] = [
    ("a header that claims 2³¹ nodes", hugeCount, "exchanges_malformed"),
    ("a user message of 2 GiB", hugeLength, "exchanges_malformed"),
    ("a bomb", bomb, "exchanges_refused_too_large"),
    ("a sealed frame for a node without keys", [10, 0, 0, 0, 29] + [UInt8](repeating: 1, count: 29), "exchanges_refused_encrypted"),
    ("a label", [244, 3] + Array("red".utf8) + [0, 0x80], "exchanges_refused_label"),
    ("a label of no bytes", [244, 0, 0, 0x80], "exchanges_refused_label"),
    ("HTTP", Array("GET / HTTP/1.1\r\n\r\n".utf8), "exchanges_malformed"),
    (
      "an unknown compression", encoded { Compressed(algorithm: 9, data: [UInt8](repeating: 1, count: 9).span.bytes).encode(into: &$0) },
      "exchanges_refused_compression"
    ),
  ]

  @Test("what is no request is refused at once, counted, and read no further", arguments: refused.indices)
  func nonsense(index: Int) async throws {
    let (what, bytes, counter) = Self.refused[index]
    let node = try await start("a")
    let stranger = try await RawClient.connect(to: node.localAddress())
    try await stranger.send(bytes)
    // Until the node closes; without that the test would end at its limit.
    _ = try await stranger.untilClosed(within: .seconds(5))
    #expect(try await node.statistics().counter(counter) == 1, "\(what)")
    await node.shutdown()
  }

  @Test("who is told why can read it, although it had not finished speaking")
  func errorReply() async throws {
    let node = try await start("a") {
      $0.keyring = Keyring(.generate()); $0.sealsOutgoing = false
    }
    let stranger = try await RawClient.connect(to: node.localAddress())
    // More than is read before the refusal, so that closing at once would reset the connection.
    try await stranger.send([MessageType.pushPull.rawValue] + [UInt8](repeating: 0x80, count: 300_000))
    let reply = try await stranger.untilClosed(within: .seconds(5))
    #expect(reply.first == MessageType.error.rawValue)
    #expect(String(decoding: reply, as: UTF8.self).contains("encryption is required"))
    await node.shutdown()
  }

  @Test("a ping that wants its answer where nothing can be sent costs that answer and no more", .timeLimit(.minutes(1)))
  func answerToNowhere() async throws {
    let (node, member) = (try await start("a"), try await start("b"))
    let address = try await node.localAddress()
    #expect(try await member.join([address.description]) == 1)
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let stranger = try await loop.flatSubmit {
      DatagramPort.bind(NodeAddress(ipv4: 127, 0, 0, 1, port: 0), on: loop, logger: Logger(label: "stranger"))
    }.get()
    try await loop.submit {
      let nowhere = NodeAddress(ipv4: 255, 255, 255, 255, port: 7946)
      let ping = Self.encoded { Ping(sequenceNumber: 1, node: RawSpan(), source: nowhere, sourceNode: RawSpan()).encode(into: &$0) }
      stranger.value.write(ping.span.bytes, segmentSize: ping.count, to: address, ecnCapable: false, whenRefused: nil)
    }.get()
    try await eventually("the answer is refused") { try await node.statistics().counter("datagrams_refused") == 1 }
    let events = node.events
    try await member.userEvent("after")
    for await case .user(let event) in events {
      #expect(event.name == "after")
      break
    }
    try await loop.flatSubmit { stranger.value.close(on: loop) }.get()
    for node in [node, member] { await node.shutdown() }
  }

  @Test("connections that say nothing, or trickle, make room for members, who join meanwhile and stay alive")
  func flood() async throws {
    let node = try await start("a") { $0.acceptedConnections = 20 }
    let address = try await node.localAddress()
    var strangers: [RawClient] = []
    for number in 0..<100 {
      let stranger = try await RawClient.connect(to: address)
      if number % 2 == 0 { try await stranger.send(Self.hugeLength.dropLast(3)) }
      strangers.append(stranger)
    }
    let member = try await start("b")
    #expect(try await member.join([address.description]) == 1)
    try await eventually("connections beyond 20 made room") { try await node.statistics().counter("connections_evicted") >= 80 }
    #expect(try await node.statistics().counter("connections") <= 21)
    #expect(try await node.members().allSatisfy { $0.status == .alive })
    // Whoever neither ends nor finishes is given up when its time is over.
    try await eventually("the rest expires", within: .seconds(30)) { try await node.statistics().counter("exchanges_expired") >= 19 }
    #expect(try await node.members().map(\.status) == [.alive, .alive])
    for stranger in strangers { stranger.close() }
    for node in [node, member] { await node.shutdown() }
  }

  private func start(_ name: NodeName, _ adjust: (inout NetTransport.Settings) -> Void = { _ in }) async throws -> SerfNode {
    var settings = NetTransport.Settings()
    adjust(&settings)
    let node = try SerfNode(
      SerfConfiguration.test(name),
      transport: NetTransport(bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0), settings: settings))
    try await node.start()
    return node
  }
}
