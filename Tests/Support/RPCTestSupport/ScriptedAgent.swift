import NIOCore
import NIOPosix
import Synchronization
package import VectorSupport

/// An agent that plays a recorded session: it waits for each recorded request of the client, and sends the recorded answer.
package final class ScriptedAgent: Sendable {
  private let listener: NIOAsyncChannel<NIOAsyncChannel<ByteBuffer, ByteBuffer>, Never>
  private let sessions: [[Transcript.Frame]]
  private let closesAtEnd: Bool
  private let log = Mutex<[[UInt8]]>([])
  private let open = Mutex(Open())

  /// The sessions that are being played, and who waits for their end.
  private struct Open {
    var count = 0
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  /// Runs the agent while `body` runs, which gets its address.
  ///
  /// - Parameter closesAtEnd: whether it closes after the last frame, instead of waiting for the client to do so.
  /// - Returns: what each connection sent, in the order in which the connections ended, and what `body` returned.
  @discardableResult
  package static func run<Result: Sendable>(
    _ sessions: [[Transcript.Frame]], closesAtEnd: Bool = false, _ body: @Sendable (String) async throws -> Result
  ) async throws -> (sent: [[UInt8]], result: Result) {
    let agent = try await ScriptedAgent(sessions, closesAtEnd: closesAtEnd)
    let serving = Task { await agent.serve() }
    do {
      let result = try await body("127.0.0.1:\(agent.listener.channel.localAddress?.port ?? 0)")
      // A client that has disconnected may have left bytes that are not read yet.
      await agent.idle()
      serving.cancel()
      await serving.value
      return (agent.log.withLock { $0 }, result)
    } catch {
      serving.cancel()
      await serving.value
      throw error
    }
  }

  /// Waits until every session has ended.
  private func idle() async {
    await withCheckedContinuation { continuation in
      let isIdle = open.withLock {
        if $0.count > 0 { $0.waiting.append(continuation) }
        return $0.count == 0
      }
      if isIdle { continuation.resume() }
    }
  }

  private func sessionEnded() {
    let waiting = open.withLock { open -> [CheckedContinuation<Void, Never>] in
      open.count -= 1
      guard open.count == 0 else { return [] }
      defer { open.waiting = [] }
      return open.waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  private init(_ sessions: [[Transcript.Frame]], closesAtEnd: Bool) async throws {
    self.sessions = sessions
    self.closesAtEnd = closesAtEnd
    listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(host: "127.0.0.1", port: 0) { channel in
      channel.eventLoop.makeCompletedFuture {
        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
      }
    }
  }

  private func serve() async {
    try? await listener.executeThenClose { clients in
      var sessions = sessions[...]
      for try await client in clients {
        open.withLock { $0.count += 1 }
        defer { sessionEnded() }
        try? await play(sessions.popFirst() ?? [], to: client)
      }
    }
  }

  private func play(_ frames: [Transcript.Frame], to client: NIOAsyncChannel<ByteBuffer, ByteBuffer>) async throws {
    try await client.executeThenClose { inbound, outbound in
      var received: [UInt8] = []
      defer { log.withLock { $0.append(received) } }
      var expected = 0
      var buffers = inbound.makeAsyncIterator()
      for frame in frames {
        if frame.isFromClient {
          expected += frame.bytes.count
          while received.count < expected, let buffer = try await buffers.next() { received += buffer.readableBytesView }
        } else {
          try await outbound.write(ByteBuffer(bytes: frame.bytes))
        }
      }
      guard !closesAtEnd else { return }
      while let buffer = try await buffers.next() { received += buffer.readableBytesView }
    }
  }
}
