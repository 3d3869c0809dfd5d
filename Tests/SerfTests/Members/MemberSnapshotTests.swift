import Serf
import Testing

@Suite("A snapshot of the members")
struct MemberSnapshotTests {
  private static let names = (0..<9).map { "n\($0)" }
  private let snapshot = MemberSnapshot(
    sorted: names.enumerated().map { index, name in
      SerfMember(
        name: NodeName(name), address: NodeAddress(ipv4: 10, 0, 0, 1, port: UInt16(index)), tags: ["role": index < 2 ? "db" : "web"],
        status: index == 1 ? .leaving : index == 4 ? .failed : .alive, versions: SerfMember.Versions())
    })

  @Test("has each member under its name, and no other", arguments: names)
  func byName(name: String) {
    #expect(snapshot[name]?.name == NodeName(name))
    #expect(snapshot[NodeName(name)] == snapshot[name])
    #expect(snapshot[name + "x"] == nil)
    #expect(MemberSnapshot(sorted: [])[name] == nil)
  }

  @Test("is a collection in the order of names, and knows who is alive")
  func collection() {
    #expect(snapshot.map { "\($0.name)" } == Self.names)
    #expect(snapshot[4].status == .failed && snapshot.count == 9)
    #expect(snapshot.alive.map { "\($0.name)" } == ["n0", "n2", "n3", "n5", "n6", "n7", "n8"])
    #expect(snapshot.alive.count { $0.tags["role"] == "web" } == 6)
  }
}
