import Logging
import NIOCore
import NIOPosix
import Serf
import SerfAgent
import SerfClient
import SerfTestSupport
import Testing

/// The same over sockets, and asked through the agent's RPC.
@Suite struct MalformedSocketTests {
  @Test("10,000 malformed packets are 10,000 in the metrics, in the statistics and in serf info")
  func flood() async throws {
    let (recorder, lines) = (MetricsRecorder(), LineRecorder())
    var configuration = SerfConfiguration(name: "a", profile: .local)
    configuration.metricsInterval = .milliseconds(50)
    let node = try SerfNode(
      transport: NetTransport(bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0)), configuration: configuration,
      logger: Logger(label: "serf") { _ in lines.handler }, metricsFactory: recorder)
    try await node.start()
    let socket = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: "127.0.0.1", port: Int(node.localAddress().port)).get()
    let packet = ByteBuffer(bytes: [200, 1, 2, 3])
    // In portions that the kernel's buffer holds, so that none is lost.
    for sent in stride(from: 100, through: 10_000, by: 100) {
      for _ in 1..<100 { socket.write(packet, promise: nil) }
      try await socket.writeAndFlush(packet).get()
      try await eventually("\(sent) packets were read") { try await node.statistics()["gossip_packets_malformed"] == UInt64(sent) }
    }
    try await eventually("the metrics say so") { recorder.total("serf.gossip.packets_malformed") == 10_000 }

    let log = AgentLog(console: Console { _ in }, level: .error)
    let context = RPCContext(node: node, log: log, authKey: nil, handlers: [:], clock: { .zero }) {}
    let server = try await RPCServer.bind(host: "127.0.0.1", port: 0, context: context)
    let serving = Task { await server.run() }
    let client = try await SerfRPCClient.connect(to: server.address)
    #expect(try await client.stats().sections["gossip"]?["gossip_packets_malformed"] == "10000")
    await client.close()
    serving.cancel()
    await serving.value
    try await socket.close().get()
    await node.shutdown()
    #expect(recorder.total("serf.gossip.packets_malformed") == 10_000)
  }
}
