import Logging
import RPCTestSupport
import Serf
import SerfAgent
import SerfClient
import SerfPrimitives
import Synchronization

/// An RPC server over a ``FakeNode`` on a port of the kernel's choice, for one test.
struct ServerFixture: Sendable {
  let node: FakeNode
  let log: AgentLog
  let port: Int
  /// How many clients let the agent leave.
  let leaves: Counter

  final class Counter: Sendable {
    private let value = Mutex(0)
    var count: Int { value.withLock { $0 } }
    func increment() { value.withLock { $0 += 1 } }
  }

  /// A clock that moves only when a test says so.
  final class TestClock: Sendable {
    private let time = Mutex(Instant(nanoseconds: 0))
    var now: Instant { time.withLock { $0 } }
    func advance(by duration: Duration) { time.withLock { $0 = $0 + duration } }
  }

  static func run(
    _ node: FakeNode, authKey: String? = nil, handlers: [String: String] = [:], log: AgentLog? = nil,
    patience: Duration = RPCServer.patience, clock: TestClock = TestClock(),
    _ body: @Sendable (ServerFixture) async throws -> Void
  ) async throws {
    let log = log ?? AgentLog(console: Console { _ in }, level: .error)
    let leaves = Counter()
    let context = RPCContext(node: node, log: log, authKey: authKey, handlers: handlers, clock: { clock.now }) { leaves.increment() }
    let server = try await RPCServer.bind(host: "127.0.0.1", port: 0, context: context, patience: patience)
    let port = Int(server.address.split(separator: ":").last ?? "") ?? 0
    let serving = Task { await server.run() }
    do {
      try await body(ServerFixture(node: node, log: log, port: port, leaves: leaves))
    } catch {
      serving.cancel()
      await serving.value
      throw error
    }
    serving.cancel()
    await serving.value
  }

  func connect(authKey: String? = nil) async throws -> SerfRPCClient {
    try await SerfRPCClient.connect(to: "127.0.0.1:\(port)", authKey: authKey)
  }
}
