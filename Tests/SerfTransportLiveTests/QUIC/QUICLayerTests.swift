#if QUIC
  import Logging
  import NIOCore
  import NIOPosix
  import SerfIdentity
  import SerfPrimitives
  import SerfTestSupport
  import SerfTransport
  import Testing

  /// `QUICLayer` on real sockets, beyond its contract.
  @Suite struct QUICLayerTests {
    @Test("ECN is found usable on a path that carries it, and stays in use", arguments: ["127.0.0.1", "[::1]"])
    func ecn(host: String) async throws {
      let loop = MultiThreadedEventLoopGroup.singleton.next()
      let a = try await End.bind("a", at: host, on: loop)
      let b = try await End.bind("b", at: host, on: loop)
      // ngtcp2 marks ten packets to test the path, and no more until the peer has counted them. Packets are best effort; at least one of each round
      // arrives.
      for round in 1...40 {
        let before = try await b.packets
        try await a.send(4, to: b)
        try await eventually("b has a packet of round \(round)") { try await b.packets > before }
      }
      let sent = try await a.written
      #expect(sent.count >= 40)
      #expect(sent.suffix(10).allSatisfy { $0 })
      // Acknowledgements too are marked.
      #expect(try await a.arrived.suffix(10).allSatisfy { $0 == 2 })
      for end in [a, b] { try await end.shutdown() }
    }

    @Test("a hello with an address outside the allowed networks is ignored, and counted")
    func helloNotAllowed() async throws {
      let loop = MultiThreadedEventLoopGroup.singleton.next()
      let networks = AllowedNetworks([try #require(CIDRBlock(parsing: "127.0.0.0/8"))])
      let a = try await End.bind("a", at: "127.0.0.1", allowing: networks, on: loop)
      let b = try await End.bind("b", at: "127.0.0.1", advertising: NodeAddress(ipv4: 192, 0, 2, 1, port: 7946), on: loop)
      let c = try await End.bind("c", at: "127.0.0.1", on: loop)
      try await c.send(1, to: a)
      try await b.send(1, to: a)
      try await eventually("a has both hellos") { try await a.counter("hellos_not_allowed") == 1 }
      // The member itself is still heard.
      try await eventually("a has both packets") { try await a.packets == 2 }
      #expect(try await a.counter("hellos_not_allowed") == 1)
      for end in [a, b, c] { try await end.shutdown() }
    }

    /// A layer, its socket and what both were given.
    private struct End: Sendable {
      let name: NodeName
      let loop: any EventLoop
      let state: NIOLoopBound<State>

      struct State {
        let layer: QUICLayer
        let socket: WatchedSocket
        let recorder: Recorder
      }

      static func bind(
        _ name: NodeName, at host: String, advertising advertise: NodeAddress? = nil, allowing networks: AllowedNetworks = .all,
        on loop: any EventLoop
      ) async throws -> End {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let rotation = CredentialRotation(try Conformer.credentials(for: name))
        let address = try #require(NodeAddress(parsing: host + ":0", defaultPort: 0))
        let context = StreamLayerContext(
          nodeName: name, advertise: advertise, probeTimeout: .milliseconds(500), probeInterval: .seconds(1), allowedNetworks: networks,
          logger: logger)
        return try await loop.flatSubmit {
          DatagramPort.bind(address, on: loop, logger: logger).map { port in
            let socket = WatchedSocket(port.value)
            let layer = QUICLayer(socket: socket, rotation: rotation, settings: .init(), context: context, on: loop)
            let recorder = Recorder(layer, on: loop)
            layer.start(recorder)
            return End(
              name: name, loop: loop, state: NIOLoopBound(State(layer: layer, socket: socket, recorder: recorder), eventLoop: loop))
          }
        }.get()
      }

      private func read<Value: Sendable>(_ body: @escaping @Sendable (State) -> Value) async throws -> Value {
        try await loop.submit { [state] in body(state.value) }.get()
      }

      var address: NodeAddress { get async throws { try await read { $0.socket.localAddress } } }
      var packets: Int { get async throws { try await read { $0.recorder.packets.count } } }
      var written: [Bool] { get async throws { try await read { $0.socket.written } } }
      var arrived: [UInt8] { get async throws { try await read { $0.socket.arrived } } }

      func counter(_ name: String) async throws -> UInt64? { try await read { $0.layer.figures.first { $0.name == name }?.value } }

      func send(_ count: Int, to other: End) async throws {
        let destination = Destination.member(other.name, try await other.address)
        let packet = [UInt8](repeating: 7, count: 1000)
        try await read { state in
          for _ in 0..<count {
            state.recorder.call { $0.send(packet.span.bytes, to: destination, path: .warm, id: nil, checksummed: false, at: $1) }
          }
        }
      }

      func shutdown() async throws {
        try await loop.flatSubmit { [state] in state.value.recorder.call { $0.shutdown(reason: .shutdown, at: $1) } }.get()
      }
    }
  }

  /// A socket that records the ECN bits of what passes.
  private final class WatchedSocket: DatagramSocket, DatagramSocketHandler {
    private let port: DatagramPort
    private weak var handler: (any DatagramSocketHandler)?
    /// Whether each write was marked.
    private(set) var written: [Bool] = []
    /// The bits of each datagram.
    private(set) var arrived: [UInt8] = []

    init(_ port: DatagramPort) { self.port = port }

    var localAddress: NodeAddress { port.localAddress }
    var refusedCount: UInt64 { port.refusedCount }
    var heldBackCount: UInt64 { port.heldBackCount }

    func start(_ handler: any DatagramSocketHandler) {
      self.handler = handler
      port.start(self)
    }

    func write(
      _ bytes: RawSpan, segmentSize: Int, to destination: NodeAddress, ecnCapable: Bool, whenRefused: ((ContactFailure) -> Void)?
    ) {
      written.append(ecnCapable)
      port.write(bytes, segmentSize: segmentSize, to: destination, ecnCapable: ecnCapable, whenRefused: whenRefused)
    }

    func close(on loop: any EventLoop) -> EventLoopFuture<Void> { port.close(on: loop) }

    func datagramReceived(_ datagram: RawSpan, from source: NodeAddress, ecn: UInt8, at now: Instant) {
      arrived.append(ecn)
      handler?.datagramReceived(datagram, from: source, ecn: ecn, at: now)
    }

    func datagramsComplete(at now: Instant) { handler?.datagramsComplete(at: now) }
  }
#endif
