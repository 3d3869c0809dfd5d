import SerfCore
import SerfPrimitives
import Testing

@Suite("the member table")
final class MemberTableTests {
  var table = MemberTable()
  let start = Instant.zero

  func member(_ name: String, port: UInt16 = 7946, tags: [String: String] = [:]) -> SerfMember {
    SerfMember(
      name: NodeName(name), address: NodeAddress(ipv4: 127, 0, 0, 1, port: port), tags: tags, status: .alive,
      versions: SerfMember.Versions())
  }

  func join(_ name: String, pending: Intent? = nil, at now: Instant = .zero) -> MemberTable.Change {
    table.joined(member(name), pending: pending, flapTimeout: .seconds(60), at: now)
  }

  @Test("takes the time of an intent that arrived before the member")
  func pendingJoin() {
    #expect(join("a", pending: Intent(.join, at: 5)).event == .join)
    #expect(table["a"]?.member.status == .alive)
    #expect(table["a"]?.intentTime == 5)
  }

  @Test("lets a member appear as leaving when its leave was heard of first")
  func pendingLeave() {
    #expect(join("a", pending: Intent(.leave, at: 6)).event == .join)
    #expect(table["a"]?.member.status == .leaving)
    #expect(table["a"]?.intentTime == 6)
  }

  @Test("takes no intent that is not newer than the last")
  func staleIntents() {
    _ = join("a", pending: Intent(.join, at: 5))
    #expect(table.intended(Intent(.leave, at: 5), for: "a", at: start) == nil)
    #expect(table.intended(Intent(.leave, at: 4), for: "a", at: start) == nil)
    #expect(table["a"]?.member.status == .alive)
    #expect(table.intended(Intent(.leave, at: 6), for: "a", at: start) != nil)
    #expect(table["a"]?.member.status == .leaving)
  }

  @Test("moves the intent time of a member whose status does not change, so that the intent is not new the next time")
  func intentTimeAlwaysMoves() {
    _ = join("a")
    #expect(table.intended(Intent(.leave, at: 2), for: "a", at: start) != nil)
    #expect(table.intended(Intent(.leave, at: 3), for: "a", at: start) != nil)
    #expect(table.intended(Intent(.leave, at: 3), for: "a", at: start) == nil)
    #expect(table["a"]?.intentTime == 3)
  }

  @Test("turns a leaving member back to alive on a newer join intent, silently")
  func joinResetsLeaving() {
    _ = join("a", pending: Intent(.leave, at: 6))
    let change = table.intended(Intent(.join, at: 7), for: "a", at: start)
    #expect(change?.event == nil)
    #expect(change?.member.status == .alive)
  }

  @Test("an implied leave keeps a live member alive, and says how it ended if that comes soon", arguments: [(119, true), (120, false)])
  func impliedLeave(seconds: Int, isLeave: Bool) {
    let implied = Intent(.leave, at: 9, isImplied: true)
    _ = join("new", pending: implied)
    _ = join("known")
    #expect(table.intended(implied, for: "known", at: start) == nil)
    for name in ["new", "known"] as [NodeName] {
      #expect(table[name]?.member.status == .alive && table[name]?.intentTime == 0)
      #expect(table.departed(name, at: start + .seconds(seconds))?.event == (isLeave ? .leave : .failed))
      #expect(table[name]?.intentTime == (isLeave ? 9 : 0))
    }
  }

  @Test("a join at the time of an implied leave, or a return, cancels it; an older join does not")
  func impliedLeaveTakenBack() {
    let implied = Intent(.leave, at: 9, isImplied: true)
    for (name, time) in [("a", 9), ("b", 8)] as [(String, LamportTime)] {
      _ = join(name, pending: implied)
      #expect(table.intended(Intent(.join, at: time), for: NodeName(name), at: start) != nil)
      #expect(table.departed(NodeName(name), at: start)?.event == (time == 9 ? .failed : .leave), "\(name)")
    }
    _ = join("c")
    _ = table.intended(implied, for: "c", at: start)
    _ = join("c")
    #expect(table.departed("c", at: start)?.event == .failed)
  }

  @Test("an intent that is heard is new once, although a push/pull implied one of its time")
  func heardBeatsImplied() {
    let implied = Intent(.join, at: 6, isImplied: true)
    _ = join("new", pending: implied)
    _ = join("known")
    #expect(table.intended(implied, for: "known", at: start) != nil)
    for name in ["new", "known"] as [NodeName] {
      #expect(table[name]?.intentTime == 6 && table[name]?.member.status == .alive)
      #expect(table.intended(implied, for: name, at: start) == nil)
      #expect(table.intended(Intent(.leave, at: 6), for: name, at: start) != nil)
      #expect(table[name]?.member.status == .leaving)
      #expect(table.intended(Intent(.join, at: 6), for: name, at: start) == nil)
      #expect(table.intended(implied, for: name, at: start) == nil)
    }
  }

  @Test("an implied leave ends a failed member; for one that is leaving or has left it raises no time")
  func impliedLeaveOfTheGone() {
    _ = join("failed")
    _ = table.departed("failed", at: start)
    #expect(table.intended(Intent(.leave, at: 9, isImplied: true), for: "failed", at: start)?.event == .leave)
    #expect(table["failed"]?.intentTime == 9)
    _ = join("leaving", pending: Intent(.leave, at: 6))
    for name in ["failed", "leaving"] as [NodeName] {
      let time = table[name]?.intentTime
      #expect(table.intended(Intent(.leave, at: 50, isImplied: true), for: name, at: start) == nil)
      #expect(table[name]?.intentTime == time)
    }
  }

  @Test("keeps the time of the failure when a failed member is declared left")
  func forceLeftKeepsTime() {
    _ = join("a")
    #expect(table.departed("a", at: start + .seconds(10))?.event == .failed)
    #expect(table.intended(Intent(.leave, at: 1), for: "a", at: start + .seconds(20))?.event == .leave)
    #expect(table["a"]?.goneAt == start + .seconds(10))
  }

  @Test("counts a quick return from failure as a flap, a slow one not", arguments: [(59, true), (60, false)])
  func flaps(seconds: Int, flapped: Bool) {
    _ = join("a")
    _ = table.departed("a", at: start)
    #expect(join("a", at: start + .seconds(seconds)).flapped == flapped)
    #expect(table["a"]?.goneAt == nil)
  }

  @Test("replaces address and tags of a member that returns, and keeps its intent time")
  func returnsChanged() {
    _ = join("a", pending: Intent(.join, at: 5))
    _ = table.departed("a", at: start)
    _ = table.joined(member("a", port: 9, tags: ["role": "db"]), pending: nil, flapTimeout: .zero, at: start)
    #expect(table["a"]?.member.address.port == 9)
    #expect(table["a"]?.member.tags == ["role": "db"])
    #expect(table["a"]?.intentTime == 5)
  }

  @Test("ignores news about a member that it does not know")
  func unknown() {
    #expect(table.departed("x", at: start) == nil)
    #expect(table.updated(member("x"), at: start) == nil)
    #expect(table.intended(Intent(.join, at: 1), for: "x", at: start) == nil)
    #expect(table.remove("x") == nil)
  }

  @Test("has another version after each change that a reader sees, with or without an event, and the same one after any other input")
  func version() {
    var versions = [table.version]
    func isChanged(_ input: () -> Void) -> Bool {
      input()
      defer { versions.append(table.version) }
      return !versions.contains(table.version)
    }
    #expect(isChanged { _ = join("a") })
    #expect(isChanged { _ = join("b") })
    #expect(!isChanged { _ = join("a") }, "nothing of it is new")
    #expect(isChanged { _ = table.updated(member("a", tags: ["x": "y"]), at: start) })
    #expect(!isChanged { _ = table.updated(member("a", tags: ["x": "y"]), at: start) })
    #expect(isChanged { _ = table.intended(Intent(.leave, at: 1), for: "a", at: start) }, "leaving, which has no event")
    #expect(!isChanged { _ = table.intended(Intent(.leave, at: 2), for: "a", at: start) }, "only the intent's time moves")
    #expect(isChanged { _ = table.intended(Intent(.join, at: 3), for: "a", at: start) }, "alive again, which has no event")
    #expect(isChanged { _ = table.departed("a", at: start) })
    #expect(!isChanged { _ = table.departed("a", at: start) })
    #expect(isChanged { _ = table.removeExpired { _ in true } })
    #expect(!isChanged { _ = table.removeExpired { _ in true } })
    #expect(isChanged { _ = table.remove("b") })
  }

  @Test("erases only what is gone and expired, and stays consistent")
  func reaps() {
    for name in ["a", "b", "c", "d", "e"] { _ = join(name) }
    for name in ["a", "c", "e"] as [NodeName] { _ = table.departed(name, at: start) }
    _ = table.intended(Intent(.leave, at: 1), for: "b", at: start)
    let erased = table.removeExpired { $0.member.name != "c" }
    #expect(erased.map(\.name).sorted() == ["a", "e"])
    #expect(table.rows.map(\.member.name).sorted() == ["b", "c", "d"])
    for name in ["b", "c", "d"] as [NodeName] { #expect(table[name]?.member.name == name) }
    #expect(table["a"] == nil)
    #expect(MemberStatus.allCases.map { table.count(of: $0) } == [0, 1, 1, 0, 1])
  }
}

@Suite("the intent buffer")
struct IntentBufferTests {
  @Test("keeps the newest intent of each name, whatever its kind, and counts only that as new")
  func newestWins() {
    var buffer = IntentBuffer(limit: 8)
    #expect(buffer.insert(Intent(.join, at: 5), for: "a", at: .zero) == .new)
    #expect(buffer.insert(Intent(.leave, at: 5), for: "a", at: .zero) == .stale)
    #expect(buffer.insert(Intent(.join, at: 4), for: "a", at: .zero) == .stale)
    #expect(buffer.insert(Intent(.leave, at: 6), for: "a", at: .zero) == .new)
    #expect(buffer["a"] == Intent(.leave, at: 6))
    // A guess is replaced by what was said at the same time, but not the other way round.
    #expect(buffer.insert(Intent(.leave, at: 7, isImplied: true), for: "a", at: .zero) == .new)
    #expect(buffer.insert(Intent(.join, at: 7), for: "a", at: .zero) == .new)
    #expect(buffer.insert(Intent(.leave, at: 7, isImplied: true), for: "a", at: .zero) == .stale)
    #expect(buffer["a"] == Intent(.join, at: 7))
    #expect(buffer["b"] == nil)
  }

  @Test("refuses new names when it is full, and still takes news about the old ones")
  func limit() {
    var buffer = IntentBuffer(limit: 2)
    #expect(buffer.insert(Intent(.join, at: 1), for: "a", at: .zero) == .new)
    #expect(buffer.insert(Intent(.join, at: 1), for: "b", at: .zero) == .new)
    #expect(buffer.insert(Intent(.join, at: 1), for: "c", at: .zero) == .refused)
    #expect(buffer.insert(Intent(.join, at: 2), for: "a", at: .zero) == .new)
    #expect(buffer.count == 2)
  }

  @Test("forgets what is old")
  func expiry() {
    var buffer = IntentBuffer(limit: 8)
    _ = buffer.insert(Intent(.join, at: 1), for: "old", at: .zero)
    _ = buffer.insert(Intent(.join, at: 1), for: "young", at: .zero + .seconds(7))
    buffer.removeOlder(than: .zero + .seconds(7))
    #expect(buffer["old"] == nil)
    #expect(buffer["young"] != nil)
  }
}
