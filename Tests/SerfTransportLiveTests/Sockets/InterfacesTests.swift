import SerfPrimitives
import SerfTransport
import Testing

/// Which address a node that is bound to any address advertises.
@Suite struct InterfacesTests {
  @Test(
    "an address is advertised only if the socket receives there",
    arguments: [
      // Bound, the machine's addresses, advertised.
      ("0.0.0.0", ["127.0.0.1", "198.51.100.7", "10.1.2.3"], "10.1.2.3:7946"),
      ("0.0.0.0", ["127.0.0.1", "fd00::1", "198.51.100.7"], "198.51.100.7:7946"),
      ("0.0.0.0", ["127.0.0.1", "::1", "fd00::1", "2001:db8::1"], nil),
      ("0.0.0.0", ["127.0.0.1", "169.254.9.9"], nil),
      ("0.0.0.0", [], nil),
      ("::", ["127.0.0.1", "::1", "fe80::1%2", "2001:db8::1"], "[2001:db8::1]:7946"),
      ("::", ["2001:db8::1", "192.168.1.2"], "192.168.1.2:7946"),
      ("::", ["127.0.0.1", "::1", "fe80::1%2"], nil),
      ("10.9.9.9", ["192.168.1.2"], "10.9.9.9:7946"),
      ("::1", ["192.168.1.2"], "[::1]:7946"),
    ] as [(String, [String], String?)])
  func reachable(bound: String, interfaces: [String], advertised: String?) throws {
    let local = try #require(NodeAddress(parsing: bound, defaultPort: 7946))
    let addresses = try interfaces.map { try #require(NodeAddress(parsing: $0, defaultPort: 0)) }
    #expect(Interfaces.reachable(boundTo: local, among: addresses)?.description == advertised)
  }
}
