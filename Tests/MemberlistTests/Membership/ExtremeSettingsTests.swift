import Memberlist
import SerfPrimitives
import Testing

/// The formulas multiply and add settings without guards: `MembershipConfiguration.check()` keeps out what they cannot bear.
@Suite("With the most extreme settings that are allowed, a member")
struct ExtremeSettingsTests {
  private func live(provesNames: Bool, _ configure: (inout MembershipConfiguration) -> Void) throws -> Subject {
    var configuration = MembershipConfiguration.lan
    configure(&configuration)
    try configuration.check()
    let subject = Subject {
      $0.configuration = configuration
      $0.transport = TransportTraits(provesNames: provesNames)
    }
    for number in 0..<100 { subject.alive(NodeName("n\(number)"), 1) }
    subject.suspect("n1", 1, by: "n2")
    subject.suspect("n1", 1, by: "n3")
    return subject
  }

  @Test("with long times does nothing, and its arithmetic does not overflow", arguments: [false, true])
  func longest(provesNames: Bool) throws {
    let longest = SettingBounds.longestTime
    let subject = try live(provesNames: provesNames) {
      ($0.probe.interval, $0.probe.timeout) = (longest, longest)
      ($0.gossip.interval, $0.gossip.deadMemberDuration) = (longest, longest)
      ($0.pushPull.interval, $0.pushPull.timeout, $0.deadNodeReclaimTime) = (longest, longest, longest)
      let factor = SettingBounds.largestFactor
      ($0.probe.awarenessMaximum, $0.probe.indirectChecks) = (factor, factor)
      ($0.suspicion.multiplier, $0.suspicion.maximumMultiplier) = (factor, factor)
      ($0.gossip.fanout, $0.gossip.retransmitMultiplier, $0.gossip.coldDials) = (factor, factor, factor)
    }
    subject.pass(.seconds(3_600))
    // 200 years: an `Instant` ends after 292.
    for _ in 0..<2 {
      subject.now += longest
      subject.input { $0.advance(to: $1) }
    }
    #expect(subject.state("n1") == .suspect)
  }

  @Test("with short times and no factors goes on: no timer is due again at once", arguments: [false, true])
  func shortest(provesNames: Bool) throws {
    let shortest = Duration.milliseconds(1)
    let subject = try live(provesNames: provesNames) {
      ($0.probe.interval, $0.probe.timeout) = (shortest, .zero)
      ($0.gossip.interval, $0.gossip.deadMemberDuration) = (shortest, .zero)
      ($0.pushPull.interval, $0.pushPull.timeout) = (shortest, shortest)
      ($0.probe.awarenessMaximum, $0.probe.indirectChecks) = (1, 0)
      ($0.suspicion.multiplier, $0.suspicion.maximumMultiplier) = (0, 0)
      ($0.gossip.fanout, $0.gossip.retransmitMultiplier, $0.gossip.coldDials) = (0, 0, 0)
    }
    subject.pass(.milliseconds(500))
    #expect(subject.state("n1") != .suspect)
  }
}
