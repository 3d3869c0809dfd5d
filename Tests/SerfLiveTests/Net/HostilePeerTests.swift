import Logging
import NIOCore
import NIOPosix
import Serf
import SerfPrimitives
import SerfTestSupport
import SerfTransport
import SerfWire
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Strangers with a socket: whatever they send is refused with a counter, and members do not notice.
@Suite(.serialized) struct HostilePeerTests {
  private static func encoded(_ body: (inout [UInt8]) -> Void) -> [UInt8] {
    var bytes: [UInt8] = []
    body(&bytes)
    return bytes
  }

  /// A push/pull header that claims more nodes than can exist.
  private static var hugeCount: [UInt8] {
    encoded { PushPullHeader(isJoin: true, nodeCount: 1 << 31, userStateLength: 0).encode(into: &$0) }
  }
  private static var hugeLength: [UInt8] { encoded { UserMessageHeader(length: Int(Int32.max)).encode(into: &$0) } }
  /// 60 MiB of zeros in a few kilobytes.
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

  @Test("bytes that are no request are refused at once, counted, and read no further", arguments: refused.indices)
  func nonsense(index: Int) async throws {
    let (what, bytes, counter) = Self.refused[index]
    let node = try await start("a")
    let stranger = try await RawClient.connect(to: node.localAddress())
    try await stranger.send(bytes)
    // Until the node closes; without that the test would end at its limit.
    _ = try await stranger.untilClosed(within: .seconds(5))
    #expect(try await node.statistics()[counter] == 1, "\(what)")
    await node.shutdown()
  }

  @Test("a peer that is told why can read it, although it had not finished sending")
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

  @Test("a ping that wants its answer where nothing can be sent costs only that answer", .timeLimit(.minutes(1)))
  func answerToNowhere() async throws {
    let (node, member) = (try await start("a"), try await start("b"))
    let address = try await node.localAddress()
    #expect(try await member.join([address.description]) == 1)
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let stranger = try await loop.flatSubmit {
      DatagramPort.bind(NodeAddress(ipv4: 127, 0, 0, 1, port: 0), on: loop, logger: Logger(label: "stranger"))
    }.get()
    try await loop.submit {
      // A member could have this address, but the kernel sends nothing there from a loopback address.
      let nowhere = NodeAddress(ipv4: 192, 0, 2, 1, port: 7946)
      let ping = Self.encoded { Ping(sequenceNumber: 1, node: RawSpan(), source: nowhere, sourceNode: RawSpan()).encode(into: &$0) }
      stranger.value.write(ping.span.bytes, segmentSize: ping.count, to: address, ecnCapable: false, whenRefused: nil)
    }.get()
    try await eventually("the answer is refused") { try await node.statistics()["datagrams_refused"] == 1 }
    let events = node.events()
    try await member.userEvent("after")
    for await case .user(let event) in events {
      #expect(event.name == "after")
      break
    }
    try await loop.flatSubmit { stranger.value.close(on: loop) }.get()
    for node in [node, member] { await node.shutdown() }
  }

  @Test("connections that say nothing, or trickle, make room for members, which join in the meantime and stay alive")
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
    // A stranger ends when it makes room or when its time is over. On a slow machine some end while others still connect. A member that needs more
    // than one connection makes more of them end.
    func ended() async throws -> UInt64 {
      let statistics = try await node.statistics()
      return try #require(statistics["connections_evicted"]) + #require(statistics["exchanges_expired"])
    }
    try await eventually("connections beyond 20 made room") { try await ended() >= 80 }
    #expect(try await #require(node.statistics()["connections"]) <= 21)
    #expect(try await node.members().allSatisfy { $0.status == .alive })
    try await eventually("the rest expires", within: .seconds(30)) { try await ended() >= 100 }
    #expect(try await #require(node.statistics()["connections_evicted"]) > 0)
    #expect(try await node.members().map(\.status) == [.alive, .alive])
    for stranger in strangers { stranger.close() }
    for node in [node, member] { await node.shutdown() }
  }

  @Test("60 unfinished requests of 15 times the room, from the joiner's own address, stay within the budget, and it joins")
  func unfinishedBulk() async throws {
    let budget = 4 << 20
    let node = try await start("a", limits: { $0.bytesInProgress = budget })
    let address = try await node.localAddress()
    let begin = Self.encoded { UserMessageHeader(length: 1 << 20).encode(into: &$0) } + [UInt8](repeating: 1, count: (1 << 20) - 1)
    let strangers = try await withThrowingTaskGroup { group in
      for _ in 0..<60 {
        group.addTask {
          let stranger = try await RawClient.connect(to: address)
          try await stranger.send(begin)
          return stranger
        }
      }
      let member = try await start("b")
      #expect(try await member.join([address.description]) == 1)
      await member.shutdown()
      return try await group.reduce(into: []) { $0.append($1) }
    }
    try await eventually("some made room") { try await #require(node.statistics()["exchanges_over_budget"]) >= 50 }
    let held = try await #require(node.statistics()["exchanges_bytes_held"])
    #expect(held <= budget)
    #expect(held > budget / 2)
    for stranger in strangers { stranger.close() }
    await node.shutdown()
  }

  @Test("500 requests from the address of a flood of silent connections are all answered", .timeLimit(.minutes(1)))
  func sharedAddress() async throws {
    let node = try await start("a")
    let address = try await node.localAddress()
    let flood = Task {
      var silent: [RawClient] = []
      while !Task.isCancelled {
        for _ in 0..<20 {
          if let client = try? await RawClient.connect(to: address) { silent.append(client) }
        }
        // At most as many as the machine has descriptors for; the node has closed most of them.
        if silent.count > 200 {
          for client in silent.prefix(100) { client.close() }
          silent.removeFirst(100)
        }
      }
      for client in silent { client.close() }
    }
    let ping = Self.encoded {
      Ping(sequenceNumber: 7, node: Array("a".utf8).span.bytes, source: nil, sourceNode: RawSpan()).encode(into: &$0)
    }
    try await eventually("the flood fills all places") { try await #require(node.statistics()["connections_evicted"]) > 0 }
    for _ in 0..<10 {
      let answers = try await withThrowingTaskGroup { group in
        for _ in 0..<50 {
          group.addTask {
            let client = try await RawClient.connect(to: address)
            try await client.send(ping)
            return try await client.untilClosed(within: .seconds(10))
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(answers.allSatisfy { $0.first == MessageType.ack.rawValue }, "\(answers.count { $0.isEmpty }) without an answer")
    }
    flood.cancel()
    await flood.value
    await node.shutdown()
  }

  @Test("a listener that the system closes is bound again, logged and counted, and members join", .timeLimit(.minutes(1)))
  func closedListener() async throws {
    let log = LineRecorder()
    let node = try await start("a", log: log)
    let address = try await node.localAddress()
    // What NIO does with an error of accept that it does not know.
    try #require(shutDownListener(on: address.port))
    try await eventually("it is bound again") { try await node.statistics()["listener_rebinds"] == 1 }
    #expect(log.lines.contains { $0.contains("the system closed the TCP listener \(address)") })
    let member = try await start("b")
    #expect(try await member.join([address.description]) == 1)
    for node in [node, member] { await node.shutdown() }
  }

  /// Changes our listening socket on this port, so that no connection can be accepted on it.
  private func shutDownListener(on port: UInt16) -> Bool {
    for descriptor in CInt(3)..<4096 {
      var isListener: CInt = 0
      var length = socklen_t(MemoryLayout<CInt>.size)
      guard getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListener, &length) == 0, isListener == 1 else { continue }
      var local = sockaddr_in()
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let status = withUnsafeMutableBytes(of: &local) { bytes in
        bytes.withMemoryRebound(to: sockaddr.self) { getsockname(descriptor, $0.baseAddress, &size) }
      }
      guard status == 0, local.sin_port == port.bigEndian else { continue }
      return shutdown(descriptor, CInt(SHUT_RDWR)) == 0
    }
    return false
  }

  private func start(
    _ name: NodeName, log: LineRecorder = LineRecorder(), _ adjust: (inout NetTransport.Settings) -> Void = { _ in },
    limits: (inout ExchangeLimits) -> Void = { _ in }
  ) async throws -> SerfNode {
    var settings = NetTransport.Settings()
    adjust(&settings)
    var configuration = SerfConfiguration.test(name)
    limits(&configuration.exchanges)
    let node = try SerfNode(
      transport: NetTransport(bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0), settings: settings),
      configuration: configuration,
      logger: Logger(label: "serf") { _ in log.handler })
    try await node.start()
    return node
  }
}
