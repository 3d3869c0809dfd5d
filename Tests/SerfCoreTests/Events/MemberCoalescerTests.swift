import SerfCore
import SerfPrimitives
import Testing

/// Each line of a history is one window: what happens in it, and what is told at its end.
@Suite("coalescing of member events")
struct MemberCoalescerTests {
  private func member(_ name: String, _ role: String) -> SerfMember {
    SerfMember(
      name: NodeName(name), address: NodeAddress(ipv4: 10, 0, 0, 1, port: 7946), tags: role.isEmpty ? [:] : ["role": role], status: .alive,
      versions: SerfMember.Versions())
  }

  /// "join a, update a=web": what happens; the result as "join a b=web | leave c".
  private func tell(_ changes: String, _ coalescer: inout MemberCoalescer) -> String {
    for change in changes.split(separator: ", ") {
      let parts = change.split(whereSeparator: { $0 == " " || $0 == "=" }).map(String.init)
      let kind = MemberEvent.Kind.allCases.first { $0.description == "member-\(parts[0])" }
      guard let kind else {
        Issue.record("no kind: \(change)")
        continue
      }
      _ = coalescer.insert(kind, member(parts[1], parts.count > 2 ? parts[2] : ""))
    }
    return coalescer.flush().map { event in
      let members = event.members.map { "\($0.name)\($0.tags["role"].map { "=" + $0 } ?? "")" }
      return "\(event.kind) \(members.joined(separator: " "))".replacing("member-", with: "")
    }.joined(separator: " | ")
  }

  @Test(
    "tells of each member the latest only, and members of one kind together",
    arguments: [
      ("join a, join b", "join a b"),
      ("join foo, leave foo, leave bar, update zip=1, update zip=2, reap dead", "leave foo bar | update zip=2 | reap dead"),
      ("join a, failed b, join c, failed d", "join a c | failed b d"), ("", ""),
    ])
  func latest(changes: String, told: String) {
    var coalescer = MemberCoalescer(.agent, limit: 10)
    #expect(tell(changes, &coalescer) == told)
  }

  @Test(
    "tells nothing twice, each update once, and what a member has become since the last time",
    arguments: [
      [("update a=1", "update a=1"), ("join b", "join b"), ("update a=2", "update a=2"), ("update a=2", "update a=2")],
      [("join a", "join a"), ("failed a, join a", ""), ("failed a", "failed a"), ("join a, failed a", ""), ("join a", "join a")],
      [("join a=1", "join a=1"), ("failed a=1, join a=2", "update a=2"), ("failed a=2, join a=2", "")],
      [("join a=1, update a=2", "join a=2"), ("update a=3, failed a=3", "failed a=3"), ("leave a=3", "leave a=3")],
      [("join a", "join a"), ("leave a, reap a", "reap a"), ("join a", "join a"), ("failed a, reap a, join a", "")],
      [("failed a", "failed a"), ("update a=2", "update a=2"), ("failed a=2", ""), ("join a=2", "join a=2")],
    ] as [[(String, String)]])
  func history(windows: [(String, String)]) {
    var coalescer = MemberCoalescer(.agent, limit: 10)
    for (changes, told) in windows { #expect(tell(changes, &coalescer) == told, "\(changes)") }
  }

  @Test("says when no other member fits before a flush; one that waits already does")
  func limit() {
    var coalescer = MemberCoalescer(.agent, limit: 2)
    #expect(coalescer.insert(.join, member("a", "")) == false)
    #expect(!coalescer.isFull(for: "b"))
    #expect(coalescer.insert(.join, member("b", "")) == false)
    #expect(coalescer.isFull(for: "c") && !coalescer.isFull(for: "a"))
    #expect(coalescer.insert(.failed, member("a", "")) == true)
    #expect(tell("", &coalescer) == "join b | failed a")
    #expect(!coalescer.isFull(for: "c"))
  }
}
