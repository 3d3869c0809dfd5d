import SerfCore
import SerfPrimitives
import Testing

@Suite("the members that are remembered")
struct RememberedMembersTests {
  private func address(_ number: Int) -> NodeAddress { NodeAddress(ipv4: 10, 0, 0, UInt8(number), port: 7946) }

  @Test("are the last 64, and one that fails again is the newest")
  func limit() {
    var remembered = RememberedMembers()
    for number in 0..<70 { remembered.remember(NodeName("n\(number)"), at: address(number)) }
    #expect(remembered.entries.map(\.name) == (6..<70).map { NodeName("n\($0)") })
    remembered.remember("n6", at: address(200))
    remembered.remember("new", at: address(201))
    #expect(remembered.entries.count == 64 && remembered.entries.first?.name == "n8")
    #expect(remembered.entries.suffix(2) == [.init(name: "n6", address: address(200)), .init(name: "new", address: address(201))])
  }

  @Test("are forgotten by name")
  func forget() {
    var remembered = RememberedMembers()
    remembered.remember("a", at: address(1))
    #expect(!remembered.forget("b") && remembered.contains("a"))
    #expect(remembered.forget("a") && remembered.entries.isEmpty)
  }
}
