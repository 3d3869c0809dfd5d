import Logging
import MemoryTransport
import NIOCore
import NIOEmbedded
import Serf
import SerfTestSupport
import SerfTransport
import Synchronization
import Testing

/// Seeds that are configured, over the transport in memory and in virtual time.
@Suite("Seeds")
struct SeedTests {
  private let hub = MemoryHub()
  private let lines = LineRecorder()
  private let loop = NIOAsyncTestingEventLoop()
  private let lookUps = LookUps()

  /// Knows each host as a member at port 9, where there is none, and counts how often it is asked.
  private final class LookUps: AddressResolver {
    private let state = Mutex(0)
    var count: Int { state.withLock { $0 } }

    func resolve(_ host: String, port: UInt16) async throws(ResolutionError) -> [NodeAddress] {
      state.withLock { $0 += 1 }
      return [NodeAddress(ipv4: 127, 0, 0, 1, port: 9)]
    }
  }

  /// A node on the loop at this port that has started.
  private func node(_ port: UInt16, _ join: SerfConfiguration.Join = []) async throws -> SerfNode {
    var configuration = SerfConfiguration(name: NodeName("n\(port)"), profile: .local, join: join)
    configuration.resolver = lookUps
    let node = try SerfNode(
      transport: hub.transport(port: port), configuration: configuration, logger: Logger(label: "serf") { [lines] _ in lines.handler },
      eventLoopGroup: loop, seed: UInt64(port))
    try await finish(on: loop) { try await node.start() }
    return node
  }

  /// Lets time pass until the condition holds.
  private func pass(_ what: Comment, until condition: () async throws -> Bool) async throws {
    try await eventually(what) {
      await loop.advanceTime(by: .milliseconds(100))
      return try await condition()
    }
  }

  private func end(_ nodes: SerfNode...) async throws {
    for node in nodes { try await finish(on: loop) { await node.shutdown() } }
    await loop.shutdownGracefully()
  }

  private func count(_ parts: String...) -> Int { lines.lines.count { line in parts.allSatisfy { line.contains($0) } } }

  @Test("are joined when they come later than the node, and then no more")
  func later() async throws {
    var seeds: SerfConfiguration.Join = ["127.0.0.1:1", "127.0.0.1:2", "seed.test"]
    seeds.isPermanent = false
    let first = try await node(1, seeds)
    try await pass("it tries again") { lookUps.count >= 3 }
    #expect(try await finish(on: loop) { try await first.members() }.count == 1)
    #expect(try await finish(on: loop) { try await first.statistics() }["subscriptions"] == 0, "a pause is no subscription")
    let second = try await node(2)
    let snapshots = [first, second].map { $0.memberSnapshots() }
    for snapshots in snapshots {
      let reader = Task { await snapshots.first { $0.alive.count == 2 } }
      let isDone = Flag()
      Task {
        _ = await reader.value
        isDone.set()
      }
      try await pass("both see both") { isDone.isSet }
    }
    try await pass("the join is logged") { count("info", "joined through 127.0.0.1:2") == 1 }
    let asked = lookUps.count
    for _ in 0..<700 { await loop.advanceTime(by: .milliseconds(100)) }
    #expect(lookUps.count == asked)
    #expect(count("warning", "127.0.0.1:2") == 1 && count("warning", "seed.test") == 1, "the same reason again is no warning")
    try await end(first, second)
  }

  @Test("are dialled for as long as the node lives where they are no live members, without a word, and only there")
  func permanent() async throws {
    let second = try await node(2)
    let first = try await node(1, ["127.0.0.1:1", "127.0.0.1:2", "seed.test"])
    try await pass("it has joined") { count("info", "joined through 127.0.0.1:2") == 1 }
    let asked = lookUps.count
    for _ in 0..<950 { await loop.advanceTime(by: .milliseconds(100)) }
    try await pass("it dials the one that is missing, again and again") {
      try await finish(on: loop) { try await first.statistics() }["seed_dials"] ?? 0 >= 3
    }
    #expect(lookUps.count >= asked + 3, "each time anew")
    #expect(count("debug", "dialling the seed 127.0.0.1:9") >= 3 && count("dialling", "127.0.0.1:2") == 0)
    #expect(count("warning", "seed.test") == 1 && count("info", "joined through") == 1)
    // It comes back, where no member knows of it.
    let third = try await node(9)
    try await pass("it is found") { try await finish(on: loop) { try await second.members() }.count == 3 }
    #expect(count("info", "found another part of the cluster through the seed 127.0.0.1:9: 1 more") == 1)
    try await end(first, second, third)
  }

  @Test("are kept where the list is retried for ever, unless the configuration says otherwise")
  func defaults() {
    #expect(SerfConfiguration.Join(["a"]).isPermanent && !SerfConfiguration.Join(["a"], retry: .times(3)).isPermanent)
    var join: SerfConfiguration.Join = ["a"]
    join.isPermanent = false
    #expect(!join.isPermanent)
    join = .init(["a"], retry: .never)
    join.isPermanent = true
    #expect(join.isPermanent)
  }

  @Test("that are only the node itself are no reason for a warning")
  func itself() async throws {
    let node = try await node(1, ["127.0.0.1:1"])
    for _ in 0..<100 { await loop.advanceTime(by: .milliseconds(100)) }
    #expect(count("warning", "join") == 0 && count("error", "seed") == 0)
    try await end(node)
  }

  @Test(
    "are asked as often as the configuration says, and an error tells the end",
    arguments: [(SerfConfiguration.Join.Retry.never, 1), (.times(-3), 1), (.times(2), 3)])
  func attempts(retry: SerfConfiguration.Join.Retry, count: Int) async throws {
    let node = try await node(1, .init(["seed.test"], retry: retry))
    try await pass("it gives up") { self.count("error", "no seed has answered", "seed.test") == 1 }
    #expect(lookUps.count == count)
    #expect(try await finish(on: loop) { try await node.localMember() }.status == .alive)
    try await end(node)
  }

  @Test("are not asked after the node has left, and do not keep a node that the program no longer holds")
  func ended() async throws {
    let left = try await node(1, ["seed.test"])
    try await pass("it is asked") { lookUps.count >= 1 }
    let leave = Task { try await left.leave() }
    try await pass("it has left") { lines.contains("debug", "no further seed") }
    try await pass("it has left") { try await finish(on: loop) { try await left.localMember() }.status == .left }
    try await leave.value
    let asked = lookUps.count
    var dropped: SerfNode? = try await node(2, ["seed.test"])
    let events = try #require(dropped).events()
    try await pass("it is asked") { lookUps.count > asked }
    dropped = nil
    let isDone = Flag()
    Task {
      for await _ in events {}
      isDone.set()
    }
    try await pass("it ends") { isDone.isSet }
    let askedLast = lookUps.count
    for _ in 0..<700 { await loop.advanceTime(by: .milliseconds(100)) }
    #expect(lookUps.count == askedLast)
    try await end(left)
  }
}
