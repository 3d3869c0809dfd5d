import Logging
import Memberlist
import NIOCore
import Serf
import SerfPrimitives
import SerfTestSupport
import SerfTransport
import Testing

/// What the transport decides is not a setting: the core has it from the layer that is bound.
@Suite struct TransportTraitsTests {
  private func driver(on layer: IdleLayer, _ adjust: (inout SerfConfiguration) -> Void = { _ in }) throws -> NodeDriver {
    var configuration = SerfConfiguration()
    adjust(&configuration)
    return try NodeDriver(
      configuration, name: "n1", seed: 1, layer: layer, on: EmbeddedUDP(seed: 1).loop, logger: Logger(label: "n1"),
      subscribers: EventSubscribers(), metrics: NodeMetrics(node: "n1"))
  }

  private func traits(of layer: IdleLayer, _ adjust: (inout SerfConfiguration) -> Void = { _ in }) throws -> TransportTraits {
    try driver(on: layer, adjust).transport
  }

  @Test("a layer proves names or it does not", arguments: [(TransportProtection.provenNames, true), (.keyring, false), (.clear, false)])
  func names(protection: TransportProtection, isProven: Bool) throws {
    #expect(try traits(of: IdleLayer(protection: protection)).provesNames == isProven)
  }

  @Test("its budget is the core's, and it carries more if its largest packet is above that", arguments: [(1_160, false), (4_000, true)])
  func packets(largest: Int, carriesMore: Bool) throws {
    let traits = try traits(of: IdleLayer(packetBudget: 1_160, largestPacket: largest))
    #expect(traits.packetBudget == 1_160)
    #expect(traits.carriesOversizedPackets == carriesMore)
  }

  @Test("packets that it holds back make the node pass on less news, once for each report")
  func heldBack() throws {
    let layer = IdleLayer()
    let driver = try driver(on: layer)
    driver.start()
    var slowed: [UInt64?] = []
    for count in [0, 70, 70, 90] as [UInt64] {
      layer.packetsHeldBack = count
      driver.userEvent([1], payload: [], coalesce: false) { _ in }
      slowed.append(driver.statistics["forwarding_slowed"])
    }
    #expect(slowed == [0, 1, 1, 2])
  }

  @Test("the allowed networks are the node's")
  func networks() throws {
    let allowed = AllowedNetworks([try #require(CIDRBlock(parsing: "10.0.0.0/8"))])
    #expect(try traits(of: IdleLayer()).allowedNetworks == .all)
    #expect(try traits(of: IdleLayer()) { $0.allowedNetworks = allowed }.allowedNetworks == allowed)
  }
}

/// A layer that says what it is, and moves nothing.
private final class IdleLayer: StreamLayer {
  let localAddress = NodeAddress(ipv4: 127, 0, 0, 1, port: 7946)
  let streamEndsWithMessage = true
  let protection: TransportProtection
  let packetBudget: Int
  let largestPacket: Int
  var packetsHeldBack: UInt64 = 0

  init(protection: TransportProtection = .clear, packetBudget: Int = 1_400, largestPacket: Int = 1_400) {
    (self.protection, self.packetBudget, self.largestPacket) = (protection, packetBudget, largestPacket)
  }

  func start(_ handler: any StreamLayerHandler) {}
  func send(_ packet: RawSpan, to destination: Destination, path: SendPath, id: PacketID?, checksummed: Bool, at now: Instant) {}
  func flush(at now: Instant) {}
  func open(_ stream: StreamID, to destination: Destination, path: SendPath, deadline: Instant, at now: Instant) {}
  func write(_ bytes: [UInt8], on stream: StreamID, finish: Bool) {}
  func consumed(_ count: Int, on stream: StreamID) {}
  func reset(_ stream: StreamID) {}
  func close(_ peer: Peer, reason: CloseReason, at now: Instant) {}
  func shutdown(reason: CloseReason, at now: Instant) -> EventLoopFuture<Void> { preconditionFailure("the node was never started") }
}
