import Logging
import NIOCore
import NIOPosix
public import SerfPrimitives
import SerfTransport

/// A UDP relay in front of one node, on 127.0.0.1: what peers send to its address goes on to the node, and answers go back.
///
/// The node advertises the relay's address, so that all datagrams sent *to* it cross the relay, where a test can lose, record or swallow it. Each
/// peer socket is a flow with its own socket towards the node, as behind a NAT.
public final class DatagramRelay: Sendable {
  /// What happens to a datagram.
  public enum Fate: Sendable {
    case pass
    case drop
  }

  /// Decides about each datagram, in both directions. Runs on the relay's loop.
  public typealias Judge = @Sendable (_ datagram: [UInt8], _ flow: Int, _ towardsNode: Bool) -> Fate

  private let core: NIOLoopBound<Core>
  private let loop: any EventLoop
  /// The address that the node should advertise.
  public let address: NodeAddress

  private init(core: NIOLoopBound<Core>, loop: any EventLoop, address: NodeAddress) {
    self.core = core
    self.loop = loop
    self.address = address
  }

  /// Starts a relay on a port that the kernel chooses. It drops everything until ``connect(to:)``.
  public static func start() async throws -> DatagramRelay {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    return try await loop.flatSubmit {
      DatagramPort.bind(NodeAddress(ipv4: 127, 0, 0, 1, port: 0), on: loop, logger: Logger(label: "relay")).map { port in
        let core = NIOLoopBound(Core(front: port.value, loop: loop), eventLoop: loop)
        port.value.start(core.value)
        return DatagramRelay(core: core, loop: loop, address: port.value.localAddress)
      }
    }.get()
  }

  /// Sets the node's own address.
  public func connect(to node: NodeAddress) async throws {
    try await loop.submit { [core] in core.value.node = node }.get()
  }

  /// Sets the judge of all datagrams from now on.
  public func judge(_ judge: @escaping Judge) async throws {
    try await loop.submit { [core] in core.value.judge = judge }.get()
  }

  /// How many flows there have been, and how many datagrams passed and were dropped.
  public func counts() async throws -> (flows: Int, passed: Int, dropped: Int) {
    try await loop.submit { [core] in (core.value.flows.count, core.value.passed, core.value.dropped) }.get()
  }

  /// Closes every socket.
  public func close() async {
    try? await loop.flatSubmit { [core] in core.value.close() }.get()
  }

  /// The relay's state, confined to its loop.
  private final class Core: DatagramSocketHandler {
    let front: DatagramPort
    let loop: any EventLoop
    var node: NodeAddress?
    var judge: Judge?
    var flows: [NodeAddress: Flow] = [:]
    var passed = 0
    var dropped = 0

    init(front: DatagramPort, loop: any EventLoop) {
      self.front = front
      self.loop = loop
    }

    func datagramReceived(_ datagram: RawSpan, from source: NodeAddress, ecn: UInt8, at now: Instant) {
      guard let node else { return }
      let bytes = datagram.withUnsafeBytes { Array($0) }
      if let flow = flows[source] { return flow.towardsNode(bytes, node) }
      let flow = Flow(number: flows.count, peer: source, relay: self)
      flows[source] = flow
      flow.towardsNode(bytes, node)
      DatagramPort.bind(NodeAddress(ipv4: 127, 0, 0, 1, port: 0), on: loop, logger: Logger(label: "relay")).assumeIsolated().whenSuccess {
        port in
        flow.opened(port.value, node)
      }
    }

    func datagramsComplete(at now: Instant) {}

    func admit(_ bytes: [UInt8], _ flow: Int, towardsNode: Bool) -> Bool {
      let passes = judge.map { $0(bytes, flow, towardsNode) == .pass } ?? true
      if passes { passed += 1 } else { dropped += 1 }
      return passes
    }

    func close() -> EventLoopFuture<Void> {
      let sockets = [front] + flows.values.compactMap(\.back)
      return EventLoopFuture.andAllComplete(sockets.map { $0.close(on: loop) }, on: loop)
    }
  }

  /// One peer socket and the relay's own socket for it.
  private final class Flow: DatagramSocketHandler {
    let number: Int
    let peer: NodeAddress
    unowned let relay: Core
    var back: DatagramPort?
    private var early: [[UInt8]] = []

    init(number: Int, peer: NodeAddress, relay: Core) {
      self.number = number
      self.peer = peer
      self.relay = relay
    }

    func towardsNode(_ bytes: [UInt8], _ node: NodeAddress) {
      guard relay.admit(bytes, number, towardsNode: true) else { return }
      guard let back else { return early.append(bytes) }
      back.write(bytes.span.bytes, segmentSize: bytes.count, to: node, ecnCapable: false, whenRefused: nil)
    }

    func opened(_ port: DatagramPort, _ node: NodeAddress) {
      back = port
      port.start(self)
      for bytes in early { port.write(bytes.span.bytes, segmentSize: bytes.count, to: node, ecnCapable: false, whenRefused: nil) }
      early = []
    }

    func datagramReceived(_ datagram: RawSpan, from source: NodeAddress, ecn: UInt8, at now: Instant) {
      let bytes = datagram.withUnsafeBytes { Array($0) }
      guard relay.admit(bytes, number, towardsNode: false) else { return }
      relay.front.write(datagram, segmentSize: bytes.count, to: peer, ecnCapable: false, whenRefused: nil)
    }

    func datagramsComplete(at now: Instant) {}
  }
}
