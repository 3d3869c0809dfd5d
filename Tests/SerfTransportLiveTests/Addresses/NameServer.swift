import NIOCore
import NIOPosix
import SerfPrimitives
import Synchronization
import Testing

/// A DNS server on loopback, UDP and TCP on one port, that answers as a test says.
final class NameServer: Sendable {
  enum Record: Sendable {
    case a(UInt8, UInt8, UInt8, UInt8)
    case aaaa([UInt8])
    case srv(priority: UInt16, weight: UInt16, port: UInt16, target: String)
  }

  enum Reply: Sendable {
    /// Those records that match the question; an empty answer means "no data".
    case records([Record])
    /// Over UDP cut to nothing, over TCP these.
    case truncated([Record])
    case noSuchName
    case refused
    /// The correct question, and then bytes that are no record.
    case garbage
    /// Not even a header.
    case noise
    case silence
  }

  let address: NodeAddress
  /// Every question so far: name, type, and protocol.
  var questions: [String] { answerer.asked.withLock { $0 } }

  private let channels: [any Channel]
  private let answerer: Answerer

  init(_ zone: [String: Reply]) async throws {
    let answerer = Answerer(zone)
    let group = MultiThreadedEventLoopGroup.singleton
    let tcp = try await ServerBootstrap(group: group)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(StreamHandler(answerer: answerer)) }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let port = try #require(tcp.localAddress?.port)
    let udp = try await DatagramBootstrap(group: group)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(DatagramHandler(answerer: answerer)) }
      }
      .bind(host: "127.0.0.1", port: port).get()
    self.answerer = answerer
    channels = [tcp, udp]
    address = NodeAddress(ipv4: 127, 0, 0, 1, port: UInt16(port))
  }

  deinit { for channel in channels { channel.close(promise: nil) } }
}

/// Makes the answer to a question (RFC 1035 section 4).
private final class Answerer: Sendable {
  let zone: [String: NameServer.Reply]
  let asked = Mutex<[String]>([])

  init(_ zone: [String: NameServer.Reply]) { self.zone = zone }

  func answer(_ query: [UInt8], overTCP: Bool) -> [UInt8]? {
    var labels: [String] = []
    var offset = 12
    while offset < query.count, query[offset] > 0 {
      labels.append(String(decoding: query[(offset + 1)...].prefix(Int(query[offset])), as: UTF8.self))
      offset += 1 + Int(query[offset])
    }
    guard offset + 5 <= query.count else { return nil }
    let name = labels.joined(separator: ".")
    let type = query[offset + 2]
    asked.withLock { $0.append("\(name) \(type) \(overTCP ? "tcp" : "udp")") }
    let question = Array(query[12..<offset + 5])
    func reply(flags: UInt16, _ records: [NameServer.Record]) -> [UInt8] {
      let matching = records.filter { $0.type == type }
      return query[..<2] + words(flags, 1, UInt16(matching.count), 0, 0) + question
        + matching.flatMap { words(0xc00c, UInt16($0.type), 1, 0, 60, UInt16($0.data.count)) + $0.data }
    }
    switch zone[name] ?? .noSuchName {
    case .records(let records): return reply(flags: 0x8180, records)
    case .truncated(let records): return overTCP ? reply(flags: 0x8180, records) : reply(flags: 0x8380, [])
    case .noSuchName: return reply(flags: 0x8183, [])
    case .refused: return reply(flags: 0x8185, [])
    case .garbage: return query[..<2] + words(0x8180, 1, 7, 0, 0) + question + [0xc0, 0xff, 0xff, 1, 2, 3]
    case .noise: return [1, 2, 3]
    case .silence: return nil
    }
  }
}

private func words(_ words: UInt16...) -> [UInt8] { words.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] } }

extension NameServer.Record {
  fileprivate var type: UInt8 {
    switch self {
    case .a: 1
    case .aaaa: 28
    case .srv: 33
    }
  }

  fileprivate var data: [UInt8] {
    switch self {
    case .a(let a, let b, let c, let d): return [a, b, c, d]
    case .aaaa(let bytes): return bytes
    case .srv(let priority, let weight, let port, let target):
      let labels = target.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
      return words(priority, weight, port) + labels + [0]
    }
  }
}

private final class DatagramHandler: ChannelInboundHandler {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>
  typealias OutboundOut = AddressedEnvelope<ByteBuffer>
  let answerer: Answerer

  init(answerer: Answerer) { self.answerer = answerer }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let envelope = unwrapInboundIn(data)
    guard let answer = answerer.answer(Array(envelope.data.readableBytesView), overTCP: false) else { return }
    context.writeAndFlush(
      wrapOutboundOut(AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: ByteBuffer(bytes: answer))), promise: nil)
  }
}

private final class StreamHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer
  let answerer: Answerer
  private var received = ByteBuffer()

  init(answerer: Answerer) { self.answerer = answerer }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    received.writeImmutableBuffer(unwrapInboundIn(data))
    while let length = received.getInteger(at: received.readerIndex, as: UInt16.self), received.readableBytes >= 2 + Int(length) {
      let query = received.readBytes(length: 2 + Int(length)) ?? []
      guard let answer = answerer.answer(Array(query.dropFirst(2)), overTCP: true) else { continue }
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: words(UInt16(answer.count)) + answer)), promise: nil)
    }
  }
}
