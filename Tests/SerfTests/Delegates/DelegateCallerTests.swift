import Serf
import SerfCore
import SerfTestSupport
import Synchronization
import Testing

@Suite("A delegate's caller") struct DelegateCallerTests {
  private final class Log: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func add(_ line: String) { lines.withLock { $0.append(line) } }
  }

  private struct Refused: Error, CustomStringConvertible { let description = "no" }

  private static let member = SerfMember(
    name: "b", address: NodeAddress(ipv4: 10, 0, 0, 2, port: 7946), tags: [:], status: .failed, versions: .init())

  private func limits(calls: Int = 1_024, bytes: Int = 1 << 20) -> SerfSettings.UserData {
    var limits = SerfSettings.UserData()
    (limits.delegateQueueLimit, limits.delegateQueueBytes) = (calls, bytes)
    return limits
  }

  @Test("makes the calls in order, one after the other, whatever they are")
  func order() async throws {
    let log = Log()
    let delegate = SerfClosureDelegate()
      .onNameConflict { log.add("conflict \($0.name) \($1.address.port)") }
      .onPing { log.add("ping \($0) \($1.components.seconds)") }
      .reconnectTimeout { member, standard in
        log.add("timeout \(member.name)")
        return standard * 2
      }
      .onUserState { log.add("state \($0) \($1) \($2)") }
      .onMessage { log.add("message \($0) \($1)") }
    let caller = DelegateCaller(delegate, limits: limits())
    caller.reporting {
      if case .reconnectTimeout(let name, let timeout) = $0 { log.add("answer \(name) \(timeout?.components.seconds ?? -1)") }
    }
    let calls: [DelegateCall] = [
      .message([1], from: "a"), .pinged("b", roundTrip: .seconds(2)), .nameConflict(existing: Self.member, claimant: Self.member),
      .reconnectTimeout(Self.member, standard: .seconds(4)), .userState([2], from: "c", isJoin: true),
    ]
    for call in calls { #expect(caller.offer(call)) }
    try await eventually("all calls are made") { log.all.count == 6 }
    #expect(
      log.all == ["message [1] a", "ping b 2", "conflict b 7946", "timeout b", "answer b 8", "state [2] c true"])
    #expect(caller.figures.calls == 5 && caller.figures.waiting == 0)
  }

  @Test(
    "a delegate that does not return holds nothing but its own queue, which is bounded in calls and in bytes; the rest is counted and dropped"
  )
  func blocked() async throws {
    let (gate, log) = (Gate(), Log())
    let delegate = SerfClosureDelegate().onMessage { message, _ in
      log.add("\(message.count)")
      await gate.pass()
    }
    let caller = DelegateCaller(delegate, limits: limits(calls: 3, bytes: 100))
    #expect(caller.offer(.message([0], from: "a")))
    try await eventually("the first call is under way") { log.all == ["1"] }
    #expect(caller.offer(.message([UInt8](repeating: 0, count: 60), from: "a")))
    #expect(!caller.offer(.message([UInt8](repeating: 0, count: 41), from: "a")), "bytes")
    #expect(caller.offer(.message([UInt8](repeating: 0, count: 40), from: "a")))
    #expect(caller.offer(.pinged("a", roundTrip: .zero)))
    #expect(!caller.offer(.pinged("a", roundTrip: .zero)), "calls")
    #expect(caller.figures.waiting == 3 && caller.figures.dropped == 2)
    gate.open()
    try await eventually("the rest is delivered") { caller.figures.calls == 4 }
    #expect(log.all == ["1", "60", "40"])
    // Its memory is free again.
    #expect(caller.offer(.message([UInt8](repeating: 0, count: 100), from: "a")))
  }

  @Test("an error is counted and reported, the question that it answers counts as not answered, and the next call is made")
  func throwing() async throws {
    let log = Log()
    let delegate = SerfClosureDelegate().reconnectTimeout { _, _ in throw Refused() }.onMessage { _, _ in throw Refused() }
      .onPing { name, _ in log.add("ping \(name)") }
    let caller = DelegateCaller(delegate, limits: limits())
    caller.reporting { report in
      switch report {
      case .failed(let function, let error): log.add("\(function): \(error)")
      case .reconnectTimeout(let name, let timeout): log.add("\(name) \(timeout == nil)")
      case .slow: log.add("slow")
      }
    }
    for call in [.reconnectTimeout(Self.member, standard: .zero), .message([], from: "a"), .pinged("c", roundTrip: .zero)] as [DelegateCall]
    {
      #expect(caller.offer(call))
    }
    try await eventually("all calls are made") { log.all.count == 4 }
    #expect(log.all == ["b true", "reconnectTimeout: no", "messageReceived: no", "ping c"])
    #expect(caller.figures.failed == 2)
  }

  @Test("a filter that takes longer than 10 ms is counted and reported, and its answer counts")
  func slowFilter() {
    let log = Log()
    let delegate = SerfClosureDelegate().merging { _ in true }.acceptingMembers { _ in
      // What a slow filter does: it keeps the thread.
      let end = ContinuousClock.now + .milliseconds(12)
      while ContinuousClock.now < end {}
      return false
    }
    let caller = DelegateCaller(delegate, limits: limits())
    caller.reporting { if case .slow(let function, let time) = $0, time > .milliseconds(10) { log.add(function) } }
    var core = SerfCoreConfiguration.lan
    caller.attach(to: &core)
    #expect(core.hasDelegate)
    #expect(core.aliveFilter?(Self.member) == false && core.mergeFilter?([]) == true)
    #expect(log.all == ["shouldAccept"] && caller.figures.slowFilters == 1)
  }

  @Test("after the end of the node nothing more is delivered, and nothing is kept")
  func ended() async throws {
    let (gate, log) = (Gate(), Log())
    let delegate = SerfClosureDelegate().onMessage { message, _ in
      log.add("\(message[0])")
      await gate.pass()
    }
    let caller = DelegateCaller(delegate, limits: limits())
    #expect(caller.offer(.message([1], from: "a")))
    try await eventually("the first call is under way") { log.all == ["1"] }
    #expect(caller.offer(.message([2], from: "a")))
    caller.end()
    #expect(caller.figures.waiting == 0)
    #expect(caller.offer(.message([3], from: "a")))
    #expect(caller.figures.waiting == 0 && caller.figures.dropped == 0)
    gate.open()
    #expect(log.all == ["1"])
  }
}
