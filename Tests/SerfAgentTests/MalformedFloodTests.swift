import Logging
import MemoryTransport
import NIOCore
import NIOEmbedded
import Serf
import SerfAgent
import SerfPrimitives
import SerfTestSupport
import SerfTransport
import Testing

/// Diagnostics are limited to 256 in a batch, and figures are not: a flood of nonsense is counted to the last message.
@Suite struct MalformedFloodTests {
  struct Nonsense: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let packet: [UInt8]
    let section, key, metric: String
  }

  static let nonsense = [
    Nonsense(
      testDescription: "packets that the gossip layer cannot read", packet: [200, 1, 2, 3], section: "gossip",
      key: "gossip_packets_malformed", metric: "serf.gossip.packets_malformed"),
    Nonsense(
      testDescription: "events that cannot be read", packet: [8, 3, 0xc1], section: "events", key: "messages_malformed",
      metric: "serf.core.messages_malformed"),
  ]

  @Test("10,000 between two drains are 10,000 in the metrics, in the statistics and in serf info", arguments: nonsense)
  func betweenTwoDrains(_ nonsense: Nonsense) throws {
    let (loop, recorder, log) = (EmbeddedEventLoop(), MetricsRecorder(), LineRecorder())
    let logger = Logger(label: "serf") { _ in log.handler }
    let context = StreamLayerContext(
      nodeName: "a", advertise: nil, probeTimeout: .seconds(1), probeInterval: .seconds(1), allowedNetworks: .all, logger: logger)
    let layer = try MemoryHub().transport().bind(on: loop, context: context).wait().value
    let driver = try NodeDriver(
      SerfConfiguration(), name: "a", seed: 1, layer: layer, on: loop, logger: logger, subscribers: EventSubscribers(),
      metrics: NodeMetrics(node: "a", factory: recorder))
    driver.start()
    let stranger = Peer(address: NodeAddress(ipv4: 127, 0, 0, 2, port: 9))
    for _ in 0..<10_000 { driver.packetReceived(nonsense.packet.span.bytes, from: stranger, at: .now(on: loop)) }
    driver.readComplete(at: .now(on: loop))
    loop.advanceTime(by: .seconds(10))
    #expect(recorder.total(nonsense.metric) == 10_000)
    #expect(driver.statistics[nonsense.key] == 10_000)
    #expect(driver.statistics.sections[nonsense.section]?[nonsense.key] == "10000")
    _ = driver.shutdown()
    loop.run()
    #expect(recorder.total(nonsense.metric) == 10_000)
  }
}
