import SerfCore
import Testing

@Suite("the member state machine")
struct MemberTransitionTests {
  @Test(
    "has every cell of the specification's table",
    arguments: [
      (.alive, .joined, .alive, .join), (.alive, .departed, .failed, .failed), (.alive, .updated, .alive, .update),
      (.alive, .joinIntent, .alive, nil), (.alive, .leaveIntent, .leaving, nil), (.alive, .expired, .alive, nil),
      (.leaving, .joined, .alive, .join), (.leaving, .departed, .left, .leave), (.leaving, .updated, .leaving, .update),
      (.leaving, .joinIntent, .alive, nil), (.leaving, .leaveIntent, .leaving, nil), (.leaving, .expired, .leaving, nil),
      (.failed, .joined, .alive, .join), (.failed, .departed, .failed, nil), (.failed, .updated, .failed, .update),
      (.failed, .joinIntent, .failed, nil), (.failed, .leaveIntent, .left, .leave), (.failed, .expired, nil, .reap),
      (.left, .joined, .alive, .join), (.left, .departed, .left, nil), (.left, .updated, .left, .update),
      (.left, .joinIntent, .left, nil), (.left, .leaveIntent, .left, nil), (.left, .expired, nil, .reap),
    ] as [(MemberStatus, MemberInput, MemberStatus?, MemberEvent.Kind?)])
  func cell(status: MemberStatus, input: MemberInput, after: MemberStatus?, event: MemberEvent.Kind?) {
    #expect(MemberTransition.from(status, on: input) == MemberTransition(status: after, event: event))
  }
}
