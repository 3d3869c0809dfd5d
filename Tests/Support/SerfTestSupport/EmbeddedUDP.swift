import NIOCore
public import NIOEmbedded
public import SerfPrimitives
package import SerfTransport

/// UDP between sockets on one `EmbeddedEventLoop`, in virtual time: seeded loss and delay, and a judge for everything else.
///
/// The real driver and the real transport run over it unchanged, so that a minute of a cluster's life takes a second and is the same each time.
public final class EmbeddedUDP {
  /// The loop whose clock is the only clock.
  public let loop = EmbeddedEventLoop()
  /// The part of all datagrams that is lost.
  public var loss = 0.0
  /// How long a datagram takes, and how much longer at most.
  public var latency: Duration = .microseconds(300)
  public var jitter: Duration = .microseconds(200)
  /// Decides about each datagram; false loses it.
  public var admits: ((_ bytes: [UInt8], _ source: NodeAddress, _ destination: NodeAddress) -> Bool)?
  /// How many datagrams arrived and how many were lost.
  public private(set) var delivered = 0
  public private(set) var lost = 0

  private var random: SeededRandom
  private var sockets: [NodeAddress: VirtualSocket] = [:]
  private var nextPort: UInt16 = 10_000

  public init(seed: UInt64) { random = SeededRandom(seed: seed) }

  /// A socket at 127.0.0.1 on `port`, or on the next free one. The address must not be bound.
  package func socket(port: UInt16 = 0) -> any DatagramSocket {
    var address = NodeAddress(ipv4: 127, 0, 0, 1, port: port)
    if port == 0 {
      address.port = nextPort
      nextPort += 1
    }
    precondition(sockets[address] == nil, "\(address) is bound")
    let socket = VirtualSocket(network: self, address: address)
    sockets[address] = socket
    return socket
  }

  /// Lets time pass, in steps small enough that what is sent in one step arrives in another.
  public func advance(by duration: Duration) {
    loop.advanceTime(by: .nanoseconds(duration.nanoseconds))
  }

  /// Lets time pass until `condition` holds; false when it does not within `limit`.
  public func advance(upTo limit: Duration, step: Duration = .milliseconds(50), until condition: () -> Bool) -> Bool {
    var passed = Duration.zero
    while passed < limit {
      if condition() { return true }
      advance(by: step)
      passed += step
    }
    return condition()
  }

  fileprivate func send(_ bytes: [UInt8], from source: NodeAddress, to destination: NodeAddress, ecnCapable: Bool) {
    guard !random.chance(loss), admits?(bytes, source, destination) ?? true else {
      lost += 1
      return
    }
    let delay = latency + random.fraction(of: jitter)
    loop.assumeIsolated().scheduleTask(in: .nanoseconds(delay.nanoseconds)) { [self] in
      guard let handler = sockets[destination]?.handler else { return }
      delivered += 1
      let now = Instant.now(on: loop)
      handler.datagramReceived(bytes.span.bytes, from: source, ecn: ecnCapable ? 2 : 0, at: now)
      handler.datagramsComplete(at: now)
    }
  }

  fileprivate func close(_ address: NodeAddress) { sockets[address] = nil }
}

private final class VirtualSocket: DatagramSocket {
  let network: EmbeddedUDP
  let localAddress: NodeAddress
  let refusedCount: UInt64 = 0
  let heldBackCount: UInt64 = 0
  weak var handler: (any DatagramSocketHandler)?
  /// A node that was killed may still have timers; no other node hears it.
  private var isOpen = true

  init(network: EmbeddedUDP, address: NodeAddress) {
    self.network = network
    localAddress = address
  }

  func start(_ handler: any DatagramSocketHandler) { self.handler = handler }

  func write(
    _ bytes: RawSpan, segmentSize: Int, to destination: NodeAddress, ecnCapable: Bool, whenRefused: ((ContactFailure) -> Void)?
  ) {
    guard isOpen else { return }
    bytes.withUnsafeBytes { bytes in
      for start in stride(from: 0, to: bytes.count, by: segmentSize) {
        network.send(
          Array(bytes[start..<min(start + segmentSize, bytes.count)]), from: localAddress, to: destination,
          ecnCapable: ecnCapable)
      }
    }
  }

  func close(on loop: any EventLoop) -> EventLoopFuture<Void> {
    if isOpen { network.close(localAddress) }
    isOpen = false
    handler = nil
    return loop.makeSucceededVoidFuture()
  }
}
