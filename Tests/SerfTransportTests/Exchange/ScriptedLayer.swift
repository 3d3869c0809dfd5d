import NIOCore
import SerfPrimitives
import SerfTransport

/// A layer that only records what is requested of its streams.
final class ScriptedLayer: StreamLayer {
  let localAddress = NodeAddress(ipv4: 127, 0, 0, 1, port: 7946)
  let protection = TransportProtection.provenNames
  let packetBudget = 1160
  let streamEndsWithMessage: Bool

  private(set) var opened: [StreamID] = []
  private(set) var written: [StreamID: [UInt8]] = [:]
  private(set) var finished: Set<StreamID> = []
  private(set) var resets: [StreamID] = []
  private(set) var released: [StreamID] = []
  private(set) var consumed: [StreamID: Int] = [:]

  init(streamEndsWithMessage: Bool) { self.streamEndsWithMessage = streamEndsWithMessage }

  func open(_ stream: StreamID, to destination: Destination, path: SendPath, deadline: Instant, at now: Instant) { opened.append(stream) }

  func write(_ bytes: [UInt8], on stream: StreamID, finish: Bool) {
    written[stream, default: []] += bytes
    if finish { finished.insert(stream) }
  }

  func consumed(_ count: Int, on stream: StreamID) { consumed[stream, default: 0] += count }
  func reset(_ stream: StreamID) { resets.append(stream) }
  func release(_ stream: StreamID) { released.append(stream) }

  func start(_ handler: any StreamLayerHandler) {}
  func send(_ packet: RawSpan, to destination: Destination, path: SendPath, id: PacketID?, checksummed: Bool, at now: Instant) {}
  func flush(at now: Instant) {}
  func close(_ peer: Peer, reason: CloseReason, at now: Instant) {}
  func shutdown(reason: CloseReason, at now: Instant) -> EventLoopFuture<Void> { fatalError("exchanges do not shut a layer down") }
}
