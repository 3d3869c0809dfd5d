import Logging
import NIOCore
import NIOPosix
import SerfPrimitives
import SerfTransport
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The two bits of the IP header on real sockets (RFC 3168, section 5).
@Suite struct ECNTests {
  @Test("each of the four codepoints arrives as it was sent", arguments: ["127.0.0.1", "[::1]"])
  func codepoints(host: String) async throws {
    let bind = try #require(NodeAddress(parsing: host + ":0", defaultPort: 0))
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let received: [UInt8] = try await loop.flatSubmit {
      let done = loop.makePromise(of: [UInt8].self)
      DatagramPort.bind(bind, on: loop, logger: Logger(label: "test")).assumeIsolated().whenComplete { result in
        do {
          let port = try result.get().value
          port.start(Codepoints(expecting: 8, on: port, done: done))
          // Each is sent twice, so that none can be confused with the one before it.
          for codepoint in [0, 1, 2, 3, 3, 2, 1, 0] as [CInt] { try Self.send(to: port.localAddress, codepoint: codepoint) }
        } catch { done.fail(error) }
      }
      return done.futureResult
    }.get()
    #expect(received == [0, 1, 2, 3, 3, 2, 1, 0])
  }

  /// One datagram with these bits, from its own socket.
  private static func send(to destination: NodeAddress, codepoint: CInt) throws {
    let isIPv6 = !destination.isIPv4
    #if canImport(Glibc)
      let kind = CInt(SOCK_DGRAM.rawValue)
    #else
      let kind = CInt(SOCK_DGRAM)
    #endif
    let descriptor = socket(isIPv6 ? AF_INET6 : AF_INET, kind, 0)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    var bits = codepoint
    let (level, option) = isIPv6 ? (CInt(IPPROTO_IPV6), IPV6_TCLASS) : (CInt(IPPROTO_IP), IP_TOS)
    try #require(setsockopt(descriptor, level, option, &bits, socklen_t(MemoryLayout<CInt>.size)) == 0)
    let bytes: [UInt8] = [1, 2, 3]
    let sent = SocketAddress(destination).withSockAddr { address, size in
      sendto(descriptor, bytes, bytes.count, 0, address, socklen_t(size))
    }
    try #require(sent == bytes.count)
  }

  private final class Codepoints: DatagramSocketHandler {
    private var codepoints: [UInt8] = []
    private let expected: Int
    private let port: DatagramPort
    private let done: EventLoopPromise<[UInt8]>
    /// The port holds its handler weakly; this one keeps itself until it has seen all datagrams.
    private var keep: Codepoints?

    init(expecting expected: Int, on port: DatagramPort, done: EventLoopPromise<[UInt8]>) {
      (self.expected, self.port, self.done) = (expected, port, done)
      keep = self
      done.futureResult.eventLoop.assumeIsolated().scheduleTask(in: .seconds(10)) { [self] in finish() }
    }

    func datagramReceived(_ datagram: RawSpan, from source: NodeAddress, ecn: UInt8, at now: Instant) { codepoints.append(ecn) }

    func datagramsComplete(at now: Instant) { if codepoints.count >= expected { finish() } }

    private func finish() {
      guard keep != nil else { return }
      keep = nil
      _ = port.close(on: done.futureResult.eventLoop)
      done.succeed(codepoints)
    }
  }
}
