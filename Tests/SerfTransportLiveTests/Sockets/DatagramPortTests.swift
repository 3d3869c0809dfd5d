import Logging
import NIOCore
import NIOPosix
import SerfPrimitives
import SerfTransport
import Testing

@Suite struct DatagramPortTests {
  private static let loopback = NodeAddress(ipv4: 127, 0, 0, 1, port: 0)

  @Test("several datagrams in one write arrive one by one, whatever offloads the kernel has")
  func segments() async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let sizes = [Int](repeating: 1000, count: 20) + [300]
    let received: [[UInt8]] = try await loop.flatSubmit {
      let done = loop.makePromise(of: [[UInt8]].self)
      let logger = Logger(label: "test")
      let bound = DatagramPort.bind(Self.loopback, on: loop, logger: logger).and(DatagramPort.bind(Self.loopback, on: loop, logger: logger))
      bound.assumeIsolated().whenComplete { result in
        do {
          let (sender, receiver) = try result.get()
          let collector = Collector(
            expecting: sizes.count, of: receiver.value.localAddress, ports: [sender.value, receiver.value], done: done)
          receiver.value.start(collector)
          let bytes = (0..<sizes.reduce(0, +)).map { UInt8(truncatingIfNeeded: $0 / 1000 + $0) }
          sender.value.write(bytes.span.bytes, segmentSize: 1000, to: receiver.value.localAddress, ecnCapable: true, whenRefused: nil)
        } catch { done.fail(error) }
      }
      return done.futureResult
    }.get()
    #expect(received.map(\.count) == sizes)
    #expect(received.joined().elementsEqual((0..<sizes.reduce(0, +)).map { UInt8(truncatingIfNeeded: $0 / 1000 + $0) }))
  }

  @Test("a used port is refused with the cause and the next step")
  func usedPort() async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let text: String = try await loop.flatSubmit {
      let done = loop.makePromise(of: String.self)
      DatagramPort.bind(Self.loopback, on: loop, logger: Logger(label: "test")).assumeIsolated().whenSuccess { first in
        let address = first.value.localAddress
        DatagramPort.bind(address, on: loop, logger: Logger(label: "test")).assumeIsolated().whenComplete { second in
          if case .failure(let error) = second { done.succeed("\(error)") } else { done.succeed("bound twice") }
          _ = first.value.close(on: loop)
        }
      }
      return done.futureResult
    }.get()
    #expect(text.contains("the port is in use"))
    #expect(text.contains("127.0.0.1:"))
  }

  /// A destination that no datagram can reach from 127.0.0.1, and the failure that is reported.
  struct Hole: CustomTestStringConvertible, Sendable {
    let destination: NodeAddress
    var size = 10
    var reason = ContactFailure.noContact
    var testDescription: String { "\(size) bytes to \(destination)" }
  }

  @Test(
    "a datagram that the system refuses is refused, and the socket stays usable",
    arguments: [
      Hole(destination: NodeAddress(ipv4: 255, 255, 255, 255, port: 7946)),
      Hole(destination: NodeAddress(ipv4: 192, 0, 2, 1, port: 7946)),
      Hole(destination: NodeAddress(ipv4: 127, 0, 0, 1, port: 0)),
      Hole(destination: NodeAddress(parsing: "[2001:db8::1]:7946", defaultPort: 0)!),
      Hole(destination: NodeAddress(ipv4: 127, 0, 0, 1, port: 9), size: 65_535, reason: .notSent),
    ])
  func refused(_ hole: Hole) async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let (reasons, count, received): ([ContactFailure], UInt64, [[UInt8]]) = try await loop.flatSubmit {
      let done = loop.makePromise(of: [[UInt8]].self)
      let port = DatagramPort.bind(Self.loopback, on: loop, logger: Logger(label: "test"))
      return port.assumeIsolated().flatMap { port in
        let socket = port.value
        socket.start(Collector(expecting: 1, of: socket.localAddress, ports: [socket], done: done))
        var reasons: [ContactFailure] = []
        let bytes = [UInt8](repeating: 7, count: hole.size)
        socket.write(bytes.span.bytes, segmentSize: bytes.count, to: hole.destination, ecnCapable: true) { reasons.append($0) }
        let next: [UInt8] = [1, 2, 3]
        socket.write(next.span.bytes, segmentSize: 3, to: socket.localAddress, ecnCapable: true, whenRefused: nil)
        let heard = (reasons, socket.refusedCount)
        return done.futureResult.assumeIsolated().map { (heard.0, heard.1, $0) }.nonisolated()
      }.nonisolated()
    }.get()
    #expect(reasons == [hole.reason])
    #expect(count == 1)
    #expect(received == [[1, 2, 3]])
  }

  private final class Collector: DatagramSocketHandler {
    private var datagrams: [[UInt8]] = []
    private let expected: Int
    private let ports: [DatagramPort]
    private let done: EventLoopPromise<[[UInt8]]>

    init(expecting expected: Int, of address: NodeAddress, ports: [DatagramPort], done: EventLoopPromise<[[UInt8]]>) {
      self.expected = expected
      self.ports = ports
      self.done = done
      // The port holds its handler weakly; this one keeps itself until it has seen all datagrams.
      keep = self
      done.futureResult.eventLoop.assumeIsolated().scheduleTask(in: .seconds(10)) { [self] in finish() }
    }

    private var keep: Collector?

    func datagramReceived(_ datagram: RawSpan, from source: NodeAddress, ecn: UInt8, at now: Instant) {
      datagrams.append(datagram.withUnsafeBytes { Array($0) })
    }

    func datagramsComplete(at now: Instant) { if datagrams.count >= expected { finish() } }

    private func finish() {
      guard keep != nil else { return }
      keep = nil
      for port in ports { _ = port.close(on: done.futureResult.eventLoop) }
      done.succeed(datagrams)
    }
  }
}
