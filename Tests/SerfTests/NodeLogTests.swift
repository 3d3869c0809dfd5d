import Logging
import Memberlist
import Serf
import SerfCore
import SerfPrimitives
import SerfTestSupport
import SerfTransport
import SerfWire
import Testing

/// What a node's log says, at which level, and with which metadata.
@Suite struct NodeLogTests {
  private let recorder = LineRecorder()
  private let address = NodeAddress(ipv4: 10, 0, 0, 1, port: 7946)
  private let start = Instant(nanoseconds: 0)

  private func logger(_ level: Logger.Level = .debug) -> Logger {
    var logger = Logger(label: "serf") { [recorder] _ in recorder.handler }
    logger.logLevel = level
    return logger
  }

  private func log(_ level: Logger.Level = .debug) -> NodeLog { NodeLog(logger(level), name: "me") }

  private func line(_ level: Logger.Level, _ text: String, _ metadata: [String: String]) -> LineRecorder.Line {
    LineRecorder.Line(level: level, text: text, metadata: metadata)
  }

  static let changes: [(MemberEvent.Kind, Logger.Level, String)] = [
    (.join, .info, "EventMemberJoin: a 10.0.0.1"), (.leave, .info, "EventMemberLeave: a 10.0.0.1"),
    (.failed, .info, "EventMemberFailed: a 10.0.0.1"), (.update, .debug, "EventMemberUpdate: a"), (.reap, .info, "EventMemberReap: a"),
  ]

  @Test("a member that comes or goes is a line at info, one that changes at debug, with its name and address", arguments: changes)
  func members(kind: MemberEvent.Kind, level: Logger.Level, text: String) {
    let member = SerfMember(name: "a", address: address, tags: [:], status: .alive, versions: SerfMember.Versions())
    log().changed(kind, member)
    #expect(recorder.entries == [line(level, text, ["serf.member": "a", "serf.address": "10.0.0.1:7946"])])
  }

  @Test("a dial for the sake of the cluster is a line at debug, and what it found one at info")
  func healing() {
    let log = log()
    let diagnostics: [HealingDiagnostic] = [
      .dialling("a", address), .dialling(nil, address), .found("a", address, members: 3), .found(nil, address, members: 1),
      .otherNode("a", address),
    ]
    for (index, diagnostic) in diagnostics.enumerated() { log.diagnostic(.healing(diagnostic), at: start + .seconds(11) * index) }
    let (named, seed) = (["serf.member": "a", "serf.address": "10.0.0.1:7946"], ["serf.address": "10.0.0.1:7946"])
    let lines = [
      line(.debug, "dialling a at 10.0.0.1:7946, which was a member once", named),
      line(.debug, "dialling the seed 10.0.0.1:7946, which is no member now", seed),
      line(.info, "found another part of the cluster through a at 10.0.0.1:7946: 3 more alive", named),
      line(.info, "found another part of the cluster through the seed 10.0.0.1:7946: 1 more alive", seed),
      line(.debug, "a does not answer at 10.0.0.1:7946, but another node: nothing was merged", named),
    ]
    #expect(recorder.entries == lines)
  }

  @Test("thousands of members that are dialled one after the other are a few lines")
  func rejoin() {
    let log = log()
    for index in 0..<5_000 {
      log.diagnostic(.reconnecting(NodeName("n\(index)"), address), at: start + .milliseconds(4) * index)
    }
    #expect(recorder.entries.count == 2)
    #expect(recorder.entries.last?.text.hasSuffix("n2500: 10.0.0.1:7946 (and 2499 more like it)") == true)
  }

  @Test("there is a change for every kind of event")
  func everyKind() { #expect(Set(Self.changes.map { $0.0 }) == Set(MemberEvent.Kind.allCases)) }

  @Test("the stages of the node's life are one line each at info, with its own name")
  func life() {
    let log = log(.info)
    log.started(at: address)
    for status in NodeStatus.allCases { log.became(status) }
    let me = ["serf.member": "me"]
    #expect(
      recorder.entries == [
        line(.info, "started on 10.0.0.1:7946", ["serf.member": "me", "serf.address": "10.0.0.1:7946"]), line(.info, "leaving", me),
        line(.info, "left", me),
      ])
  }

  @Test("a join is one line at info; an address that failed is a warning with its reason, the others are at debug")
  func join() {
    let log = JoinLog(logger(), name: "me")
    log.attempted(JoinAttempt(address: "one", contacted: address, reason: nil))
    log.attempted(JoinAttempt(address: "10.0.0.9", reason: .isSelf))
    log.attempted(JoinAttempt(address: "two", contacted: address, reason: .timedOut, message: "no answer in time. Try again"))
    log.attempted(JoinAttempt(address: "t\u{1b}", reason: .unresolved("no\nhost")))
    log.joined(through: [])
    log.joined(through: ["one", "three"])
    #expect(
      recorder.entries == [
        line(.debug, "join: one (10.0.0.1:7946): joined", ["serf.address": "10.0.0.1:7946"]),
        line(
          .debug, "join: 10.0.0.9: it is this node itself", ["serf.address": "10.0.0.9", "serf.reason": "it is this node itself"]),
        line(
          .warning, "join: two (10.0.0.1:7946): no answer in time. Try again",
          ["serf.address": "10.0.0.1:7946", "serf.reason": JoinAttempt.Reason.timedOut.description]),
        line(.warning, #"join: t\u{1b}: no\u{a}host"#, ["serf.address": #"t\u{1b}"#, "serf.reason": #"no\u{a}host"#]),
        line(.info, "joined through one, three", ["serf.member": "me"]),
      ])
  }

  @Test("a peer's mistake has its proven name, its address and the reason")
  func diagnostics() {
    let log = log()
    let proven = Peer(address: address, provenName: "b\n")
    let unproven = Peer(address: address)
    log.diagnostic(.malformed(.userEvent, .truncated, from: proven), at: start)
    log.diagnostic(.malformed(.userEvent, .truncated, from: unproven), at: start)
    log.diagnostic(.membership(.claimDropped("c", .meta, deliveredBy: "d")), at: start)
    log.diagnostic(.reconnecting("e", address), at: start)
    log.diagnostic(.late(by: .seconds(1)), at: start)
    let place = ["serf.address": "10.0.0.1:7946"]
    #expect(
      recorder.entries.map(\.metadata) == [
        place.merging(["serf.member": NodeName("b\n").description, "serf.reason": "\(WireError.truncated)"]) { $1 },
        place.merging(["serf.reason": "\(WireError.truncated)"]) { $1 },
        ["serf.member": "c", "serf.reason": "the tags exceed 512 bytes"],
        place.merging(["serf.member": "e"]) { $1 },
        [:],
      ])
  }

  @Test("a request that is given up has the reason, and another from the same host within 10 s is only counted")
  func dropped() {
    let log = log()
    for port in 1...3 as ClosedRange<UInt16> { log.dropped(.expired, from: Peer(address: address.with(port: port)), at: start) }
    log.dropped(.expired, from: Peer(address: address), at: start + .seconds(10))
    #expect(recorder.entries.map(\.level) == [.warning, .warning])
    #expect(recorder.entries.map { $0.metadata["serf.address"] } == ["10.0.0.1:1", "10.0.0.1:7946"])
    #expect(recorder.entries.allSatisfy { $0.metadata["serf.reason"] == "it was not complete, or not answered, in time" })
    #expect(recorder.lines.last?.hasSuffix("in time (and 2 more like it)") == true)
  }
}
