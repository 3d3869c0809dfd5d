import MemoryTransport
import Serf
import SerfTestSupport
import SerfTransport
import Synchronization
import Testing

/// What join addresses stand for, over the transport in memory.
@Suite struct JoinAddressTests {
  /// Answers from a table that a test may change, and counts the look-ups.
  private final class Table: AddressResolver {
    private let state = Mutex<(hosts: [String: [NodeAddress]], lookUps: [String])>(([:], []))

    subscript(host: String) -> [NodeAddress]? {
      get { state.withLock { $0.hosts[host] } }
      set { state.withLock { $0.hosts[host] = newValue } }
    }

    var lookUps: [String] { state.withLock { $0.lookUps } }

    func resolve(_ host: String, port: UInt16) async throws -> [NodeAddress] {
      struct Broken: Error, CustomStringConvertible { let description = "the table is broken" }
      guard host != "broken.test" else { throw Broken() }
      let found = state.withLock { state in
        state.lookUps.append("\(host):\(port)")
        return state.hosts[host]
      }
      guard let found else { throw ResolutionError(.notFound, host: host, "the table has no '\(host)'") }
      return found.map { $0.port == 0 ? $0.with(port: port) : $0 }
    }
  }

  private let unused = NodeAddress(ipv4: 127, 0, 0, 1, port: 60_001)
  private let otherUnused = NodeAddress(ipv4: 127, 0, 0, 1, port: 60_002)

  private func pair(_ table: Table) async throws -> (first: SerfNode, second: SerfNode, address: NodeAddress) {
    let hub = MemoryHub()
    let first = try SerfNode(transport: hub.transport(), configuration: SerfConfiguration.test("a"))
    try await first.start()
    var configuration = SerfConfiguration.test("b")
    configuration.resolver = table
    let second = try SerfNode(transport: hub.transport(), configuration: configuration)
    return (first, second, try await first.localAddress())
  }

  @Test("a host whose first addresses do not answer is joined through the next, and counts once")
  func severalAnswers() async throws {
    let table = Table()
    let (first, second, address) = try await pair(table)
    table["many.test"] = [unused, otherUnused, address, address]
    #expect(try await second.join(["many.test"]) == 1)
    #expect(try await second.join(["many.test", address.description, unused.description]) == 2)
    try await eventually("both see both") { try await first.members().count == 2 }
    await first.shutdown()
    await second.shutdown()
  }

  @Test("each join looks up again")
  func again() async throws {
    let table = Table()
    let (first, second, address) = try await pair(table)
    table["moving.test"] = [unused]
    await #expect { try await second.join(["moving.test:99"]) } throws: {
      "\($0)".contains("moving.test:99 (\(unused)): no answer")
    }
    table["moving.test"] = [address]
    #expect(try await second.join(["moving.test:99"]) == 1)
    #expect(table.lookUps == ["moving.test:99", "moving.test:99"])
    await first.shutdown()
    await second.shutdown()
  }

  @Test("a name, a port or neither: all forms are looked up by host")
  func forms() async throws {
    let table = Table()
    let (first, second, address) = try await pair(table)
    let port = try await second.localAddress().port
    table["a.test"] = [address.with(port: 0)]
    table["b.test"] = [address]
    #expect(try await second.join(["a/a.test:\(address.port)"]) == 1)
    #expect(try await second.join(["a/b.test"]) == 1)
    #expect(try await second.join(["a/\(address)", "b.test"]) == 2)
    #expect(table.lookUps == ["a.test:\(address.port)", "b.test:\(port)", "b.test:\(port)"])
    await first.shutdown()
    await second.shutdown()
  }

  private func kind(_ reason: JoinAttempt.Reason?) -> String {
    switch reason {
    case .unresolved: "unresolved"
    case .notAnAddress: "notAnAddress"
    case .noAnswer: "noAnswer"
    default: "\(reason.debugDescription)"
    }
  }

  @Test("errors name each host and its cause, in the order of the addresses")
  func errors() async throws {
    let table = Table()
    let (first, second, _) = try await pair(table)
    table["deaf.test"] = [unused, otherUnused]
    table["empty.test"] = []
    for (addresses, kinds, words) in [
      (["lost.test"], ["unresolved"], ["can be used", "lost.test: the table has no 'lost.test'"]),
      // A resolver may throw an error of any type.
      (["broken.test"], ["unresolved"], ["broken.test: the table is broken"]),
      (["empty.test"], ["unresolved"], ["the look-up of 'empty.test' gives no address"]),
      (["/deaf.test"], ["notAnAddress"], ["name before '/' is empty"]), (["deaf.test:x"], ["notAnAddress"], ["'x' is not a port"]),
      (["[::1"], ["notAnAddress"], ["not an address"]), (["fe80::1%nope0"], ["notAnAddress"], ["no network interface 'nope0'"]),
      (
        ["lost.test", "deaf.test"], ["unresolved", "noAnswer", "noAnswer"],
        ["answered", "deaf.test (\(unused)): no answer", "deaf.test (\(otherUnused)): no answer", "lost.test"]
      ),
    ] as [([String], [String], [String])] {
      let error = await #expect(throws: SerfError.self, "\(addresses)") { try await second.join(addresses) }
      #expect(error?.code == .joinFailed)
      let text = error?.description ?? ""
      #expect(words.allSatisfy { text.contains($0) }, "\(addresses): \(text)")
      #expect(error?.attempts.map { kind($0.reason) } == kinds, "\(addresses)")
    }
    #expect(try await second.join([]) == 0)
    await first.shutdown()
    await second.shutdown()
  }
}
