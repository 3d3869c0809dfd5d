import SerfPrimitives
import SerfTransport
import Testing

@Suite struct FairSharesTests {
  /// Shares with these parts, in this order of age; their IDs are 1, 2, 3 …
  private func shares(_ parts: [(NodeName, Int)]) -> FairShares {
    var shares = FairShares()
    for (index, part) in parts.enumerated() { shares.add(StreamID(UInt64(index + 1)), of: .name(part.0), amount: part.1) }
    return shares
  }

  private static let cases: [(parts: [(NodeName, Int)], wanted: Int, of: NodeName?, goes: UInt64?)] = [
    ([], 1, "a", nil),
    // The holder that has most loses its oldest part.
    ([("a", 1), ("b", 1), ("b", 1)], 0, "c", 2),
    ([("b", 1), ("a", 1), ("b", 1)], 0, "c", 1),
    ([("a", 50), ("b", 30), ("b", 30)], 10, "c", 2),
    // If others have the same: the oldest of all.
    ([("b", 1), ("a", 1)], 0, "c", 1),
    // The asking holder, if it has or would have as much as any other.
    ([("b", 1), ("a", 1)], 0, "a", 2),
    ([("b", 50), ("a", 40), ("a", 5)], 5, "a", 2),
    ([("b", 50), ("a", 40), ("a", 5)], 4, "a", 1),
    ([("b", 50)], 50, "a", nil),
    ([("b", 50)], 49, "a", 1),
    // A part of amount 0 makes no room.
    ([("b", 0), ("b", 10)], 0, "c", 2),
    ([("b", 0)], 0, "c", nil),
    // Without an account.
    ([("b", 5), ("a", 10)], 100, nil, 2),
  ]

  @Test("which part makes room", arguments: cases.indices)
  func whoGoes(index: Int) {
    let (parts, wanted, holder, goes) = Self.cases[index]
    #expect(shares(parts).nextToGo(for: wanted, of: holder.map { .name($0) })?.value == goes)
  }

  @Test("a part that is removed or changed no longer counts as before")
  func changes() {
    var shares = shares([("a", 10), ("a", 20), ("b", 25)])
    #expect(shares.total == 55)
    #expect(shares.total(of: .name("a")) == 30)
    shares.remove(StreamID(1))
    #expect(shares.nextToGo(for: 0, of: nil) == StreamID(3))
    shares.set(40, of: StreamID(2))
    #expect(shares.nextToGo(for: 0, of: nil) == StreamID(2))
    shares.remove(StreamID(2))
    shares.remove(StreamID(3))
    shares.remove(StreamID(3))
    #expect(shares.count == 0)
    #expect(shares.total == 0)
    #expect(shares.nextToGo(for: 0, of: nil) == nil)
  }

  @Test("hosts are told apart by IPv4 address and by the /64 of IPv6, a proven name comes first")
  func holders() throws {
    func source(_ text: String) throws -> FairShares.Holder {
      FairShares.Holder(nil, at: try #require(NodeAddress(parsing: text, defaultPort: 1)))
    }
    #expect(try source("10.0.0.1:1") == source("10.0.0.1:2"))
    #expect(try source("10.0.0.1:1") == source("[::ffff:10.0.0.1]:1"))
    #expect(try source("10.0.0.1:1") != source("10.0.0.2:1"))
    #expect(try source("[2001:db8::1]:1") == source("[2001:db8::ffff:0:0:1]:9"))
    #expect(try source("[2001:db8::1]:1") != source("[2001:db8:0:1::1]:1"))
    let peer = Peer(address: try #require(NodeAddress(parsing: "10.0.0.1:1", defaultPort: 1)), provenName: "a")
    #expect(FairShares.Holder(peer) == .name("a"))
  }
}
