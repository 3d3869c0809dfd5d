import Memberlist
import SerfCore
import SerfPrimitives
import SerfWire
import Testing

@Suite("A delegate of the core")
struct DelegateTests {
  private static func node(_ adjust: (inout SerfCoreConfiguration) -> Void = { _ in }) throws -> TestNode {
    var configuration = SerfCoreConfiguration.quiet
    configuration.hasDelegate = true
    configuration.reconnecting.interval = .zero
    adjust(&configuration)
    return try TestNode(configuration)
  }

  // MARK: Filters

  @Test("keeps out a member that it does not accept, whoever speaks of it, and is never asked about the node itself")
  func aliveFilter() throws {
    let node = try Self.node { $0.aliveFilter = { $0.tags["site"] == "berlin" && $0.status == .alive } }
    node.meet("a", tags: ["site": "berlin"])
    node.meet("b", tags: ["site": "rome"])
    #expect(node.core.members.map(\.name) == ["a", "me"])
    #expect(node.core.membership.counters.claimsFiltered == 1)
    // Another node with our name does not get ours by asking the filter.
    node.meet("me", incarnation: 9, port: 2)
    #expect(node.core.membership.counters.claimsFiltered == 1)
    #expect(node.core.localMember?.status == .alive)
  }

  @Test("is not told, and is not asked, when there is none")
  func noDelegate() throws {
    let node = try TestNode()
    node.meet("a", port: 1)
    node.meet("a", incarnation: 2, port: 2)
    node.lose("a")
    #expect(node.delegateCalls.isEmpty)
  }

  // MARK: Conflicts

  @Test("hears of two nodes with one name, once in ten seconds however often they claim it")
  func conflict() throws {
    let node = try Self.node()
    node.meet("a", port: 1, tags: ["role": "web"])
    for incarnation in 2...20 as ClosedRange<UInt32> { node.meet("a", incarnation: incarnation, port: 2) }
    guard case .nameConflict(let existing, let claimant)? = node.delegateCalls.first else { throw TestNode.NoReply() }
    #expect(node.delegateCalls.count == 1)
    #expect(existing.address.port == 1 && existing.tags == ["role": "web"] && claimant.address.port == 2 && claimant.name == "a")
    // A third node is another conflict, and does not bring the second one up again.
    for incarnation in 30...40 as ClosedRange<UInt32> { node.meet("a", incarnation: incarnation, port: 2 + UInt16(incarnation % 2)) }
    #expect(node.delegateCalls.count == 2)
    node.advance(by: .seconds(10))
    node.meet("a", incarnation: 41, port: 3)
    #expect(node.delegateCalls.count == 3)
  }

  // MARK: Reconnect timeouts

  private static func timeouts(_ node: TestNode) -> [String] {
    node.delegateCalls.compactMap {
      if case .reconnectTimeout(let member, let standard) = $0 {
        "\(member.name) \(member.status) \(standard.components.seconds)"
      } else {
        nil
      }
    }
  }

  @Test("shortens the time for which one failed member is remembered, and leaves the others alone")
  func shorterTimeout() throws {
    let node = try Self.node { $0.reaping.failedTimeout = .seconds(3_600) }
    for name in ["a", "b"] as [NodeName] {
      node.meet(name)
      node.lose(name)
    }
    #expect(Self.timeouts(node) == ["a failed 3600", "b failed 3600"])
    node.feed { core, _ in
      core.reconnectTimeoutAnswered("a", .seconds(1))
      core.reconnectTimeoutAnswered("b", .seconds(3_600))
    }
    node.advance(by: .seconds(20))
    #expect(node.memberEvents == ["join a", "failed a", "join b", "failed b", "reap a"])
    node.advance(by: .seconds(3_600))
    #expect(node.memberEvents.last == "reap b")
  }

  @Test("keeps a member that it has not answered about, for ten seconds and no longer")
  func noAnswer() throws {
    let node = try Self.node {
      $0.reaping.failedTimeout = .zero
      $0.reaping.interval = .seconds(1)
    }
    node.meet("a")
    node.lose("a")
    node.advance(by: .seconds(9))
    #expect(node.status("a") == .failed)
    node.advance(by: .seconds(3))
    #expect(node.status("a") == nil)
  }

  @Test(
    "keeps one for longer than the settings, and is asked again when it fails again; its answer about a member that is back counts for nothing"
  )
  func longerTimeout() throws {
    let node = try Self.node {
      $0.reaping.failedTimeout = .seconds(5)
      $0.reaping.leftTimeout = .seconds(7)
      $0.reaping.interval = .seconds(1)
    }
    node.meet("a")
    node.lose("a")
    node.feed { core, _ in core.reconnectTimeoutAnswered("a", .seconds(60)) }
    node.advance(by: .seconds(30))
    #expect(node.status("a") == .failed)
    node.meet("a", incarnation: 3)
    node.feed { core, _ in core.reconnectTimeoutAnswered("a", .zero) }
    node.leaveIntent("a", at: 9)
    node.lose("a", incarnation: 3)
    #expect(Self.timeouts(node) == ["a failed 5", "a left 7"])
    node.feed { core, _ in core.reconnectTimeoutAnswered("a", nil) }
    node.advance(by: .seconds(6))
    #expect(node.status("a") == .left)
    node.advance(by: .seconds(3))
    #expect(node.status("a") == nil)
    // Nonsense about members that are not there.
    node.feed { core, _ in core.reconnectTimeoutAnswered("ghost", .seconds(-5)) }
  }
}
