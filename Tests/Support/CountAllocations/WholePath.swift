import CAllocations
import Logging
import NIOCore
import NIOPosix
import Serf
import SerfPrimitives
import SerfTransport

/// What a node allocates from one socket call to the next: another member sends it gossip that it knows and pings, over the loopback, and only the
/// thread of the node's event loop is counted.
///
/// There are 16 packets in a batch, the last of which is a ping: its ack, with a coordinate, starts the next batch.
struct WholePath {
  private let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
  private let logger: Logger

  init() {
    var logger = Logger(label: "serf")
    logger.logLevel = .critical
    self.logger = logger
  }

  func measure(_ title: String, packets: Int, isTracing: Bool, transport: (NodeName) throws -> any StreamLayerFactory) throws {
    let (loop, other) = (group.next(), group.next())
    let (name, otherName) = (NodeName("node-0"), NodeName("node-1"))
    let layer = try bind(transport(name), name, on: loop)
    let logger = logger
    let driver = try loop.submit {
      let driver = try NodeDriver(
        SerfConfiguration(), name: name, seed: 1, layer: layer.value, on: loop, logger: logger, subscribers: EventSubscribers(),
        metrics: NodeMetrics(node: name))
      driver.start()
      return NIOLoopBound(driver, eventLoop: loop)
    }.wait()
    let address = try loop.submit { layer.value.localAddress }.wait()
    let otherLayer = try bind(transport(otherName), otherName, on: other)
    let speaker = try other.submit {
      let speaker = Speaker(otherName, on: otherLayer.value, to: .member(name, address), loop: other)
      otherLayer.value.start(speaker)
      return NIOLoopBound(speaker, eventLoop: other)
    }.wait()

    _ = try other.flatSubmit { speaker.value.speak(packets: 20_000) }.wait()
    allocations_trace(isTracing)
    try loop.submit { allocations_begin() }.wait()
    let acks = try other.flatSubmit { speaker.value.speak(packets: packets) }.wait()
    let allocations = try loop.submit { allocations_end() }.wait()
    allocations_trace(false)
    let each = (Double(allocations) / Double(packets) * 1000).rounded() / 1000
    print("\(title), from socket to socket: \(packets) packets in, \(acks) acks out, \(each) allocations a packet")

    try loop.flatSubmit { driver.value.shutdown() }.wait()
    try other.flatSubmit { otherLayer.value.shutdown(reason: .shutdown, at: .now(on: other)) }.wait()
  }

  private func bind(_ factory: any StreamLayerFactory, _ name: NodeName, on loop: any EventLoop) throws -> NIOLoopBound<any StreamLayer> {
    let context = StreamLayerContext(
      nodeName: name, advertise: nil, probeTimeout: .milliseconds(500), probeInterval: .seconds(1), allowedNetworks: .all, logger: logger)
    return try loop.flatSubmit { factory.bind(on: loop, context: context) }.wait()
  }
}
