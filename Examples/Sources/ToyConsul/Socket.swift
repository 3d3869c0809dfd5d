import Foundation
import NIOCore
import NIOPosix

/// What `toyconsul` asks its agent: one line of JSON.
enum Request: Codable, Sendable {
  case join(address: String)
  case register(service: String, address: String)
  case deregister(service: String)
  case list
}

/// The line that answers it.
struct Answer: Codable, Sendable {
  struct Service: Codable {
    var name, address, node, status: String
  }

  /// Why the request was not done.
  var error: String?
  var services: [Service]?
}

/// The unix socket of an agent, in the current directory.
struct Socket: Sendable {
  private typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

  private let path: String
  private let threads = MultiThreadedEventLoopGroup.singleton

  init(of node: String) { path = "\(node).sock" }

  // MARK: The agent

  /// Answers requests until the task is cancelled. Replaces the socket that an agent left behind which was killed.
  func serve(_ answer: @escaping @Sendable (Request) async -> Answer) async throws {
    let listener: NIOAsyncChannel<Connection, Never>
    do {
      listener = try await ServerBootstrap(group: threads).bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true) {
        Self.connection(on: $0)
      }
    } catch {
      throw Refusal(description: "cannot listen at \(path): \(error); choose a shorter name, or remove what is in the way")
    }
    defer { try? FileManager.default.removeItem(atPath: path) }
    // A user who may connect may change the registry.
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    try await withThrowingDiscardingTaskGroup { tasks in
      try await listener.executeThenClose { connections in
        for try await connection in connections {
          // A client that is gone, or writes nonsense, ends its own connection.
          tasks.addTask { try? await Self.serve(connection, answer) }
        }
      }
    }
  }

  private static func serve(_ connection: Connection, _ answer: @Sendable (Request) async -> Answer) async throws {
    try await connection.executeThenClose { lines, out in
      for try await line in lines {
        try await out.write(Self.line(await answer(try JSONDecoder().decode(Request.self, from: Data(line.readableBytesView)))))
      }
    }
  }

  // MARK: The client

  /// Whether an agent listens there.
  func isAnswered() async -> Bool { (try? await ask(.list)) != nil }

  /// Asks the agent.
  func ask(_ request: Request) async throws -> Answer {
    let connection: Connection
    do {
      connection = try await ClientBootstrap(group: threads).connect(unixDomainSocketPath: path) { Self.connection(on: $0) }
    } catch {
      throw Refusal(description: "no agent answers at \(path) in this directory; start it with 'toyconsul start'")
    }
    return try await connection.executeThenClose { lines, out in
      try await out.write(Self.line(request))
      for try await line in lines { return try JSONDecoder().decode(Answer.self, from: Data(line.readableBytesView)) }
      throw Refusal(description: "the agent closed the connection; its log may say why")
    }
  }

  // MARK: Both

  private static func connection(on channel: any Channel) -> EventLoopFuture<Connection> {
    channel.eventLoop.makeCompletedFuture {
      try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(Lines(), maximumBufferSize: 1 << 20))
      return try Connection(wrappingChannelSynchronously: channel)
    }
  }

  private static func line(_ value: some Encodable) throws -> ByteBuffer { ByteBuffer(bytes: try JSONEncoder().encode(value) + [newline]) }

  private static let newline = UInt8(ascii: "\n")

  /// Cuts what arrives into lines.
  private struct Lines: ByteToMessageDecoder {
    typealias InboundOut = ByteBuffer

    mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) -> DecodingState {
      guard let end = buffer.readableBytesView.firstIndex(of: newline), let line = buffer.readSlice(length: end - buffer.readerIndex) else {
        return .needMoreData
      }
      buffer.moveReaderIndex(forwardBy: 1)
      context.fireChannelRead(wrapInboundOut(line))
      return .continue
    }
  }
}
