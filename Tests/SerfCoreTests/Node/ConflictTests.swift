import Memberlist
import SerfCore
import SerfPrimitives
import Testing

@Suite("a name that two nodes claim")
struct ConflictTests {
  let node: TestNode

  init() throws { node = try TestNode() }

  @Test("stays with the first of them, and a diagnostic names both addresses")
  func others() {
    node.meet("a", port: 1)
    node.meet("a", incarnation: 2, port: 2)
    #expect(node.core.members.first { $0.name == "a" }?.address.port == 1)
    #expect(node.memberEvents == ["join a"])
    var ports: [UInt16] = []
    for diagnostic in node.diagnostics {
      if case .nameConflict("a", let existing, let claimant) = diagnostic { ports += [existing.port, claimant.port] }
    }
    #expect(ports == [1, 2])
  }

  @Test("and that is ours, is kept")
  func ours() {
    node.meet("me", incarnation: 9, port: 2)
    #expect(node.core.localMember?.address == NodeAddress(ipv4: 10, 0, 0, 1, port: 7946))
    var claimants = 0
    for diagnostic in node.diagnostics {
      if case .ownNameConflict = diagnostic { claimants += 1 }
    }
    #expect(claimants == 1)
  }
}
