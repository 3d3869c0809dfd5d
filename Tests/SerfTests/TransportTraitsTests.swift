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
  private func traits(of layer: IdleLayer, _ adjust: (inout SerfConfiguration) -> Void = { _ in }) throws -> TransportTraits {
    var configuration = SerfConfiguration()
    adjust(&configuration)
    let driver = try NodeDriver(
      configuration, name: "n1", seed: 1, layer: layer, on: EmbeddedUDP(seed: 1).loop, logger: Logger(label: "n1"),
      subscribers: EventSubscribers(), metrics: NodeMetrics(node: "n1"))
    return driver.transport
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
