import Serf
import SerfAgent
import Testing

@Suite("event filters")
struct EventFilterTests {
  private static let join = SerfEvent.member(MemberEvent(.join, []))
  private static let deploy = SerfEvent.user(UserEvent(time: 1, nameBytes: Array("deploy".utf8), payload: [], coalesce: false))

  @Test(
    "which events a filter wants",
    arguments: [
      ("", true, true), ("*", true, true), ("member-join", true, false), ("member-leave", false, false), ("user", false, true),
      ("user:deploy", false, true), ("user:Deploy", false, false), ("user:", false, false), ("query,member-join", true, false),
      ("query:load", false, false), ("user,user:deploy,*", true, true),
    ])
  func matching(text: String, join: Bool, deploy: Bool) throws {
    let filter = try #require(EventFilter(text))
    #expect(filter.matches(Self.join) == join)
    #expect(filter.matches(Self.deploy) == deploy)
  }

  @Test("texts that are no filter", arguments: ["bogus", "Member-join", "user,", "users", ",", "member", "member-join user"])
  func invalid(text: String) {
    #expect(EventFilter(text) == nil)
  }
}
