import NIOCore
import SerfPrimitives
import SerfTransport
import Testing

@Suite struct ZoneTests {
  private func address(_ text: String) throws -> NodeAddress { try #require(NodeAddress(parsing: text, defaultPort: 7946)) }

  @Test("socket addresses carry the zone both ways", arguments: ["[fe80::1%3]:7946", "[fe80::1]:7946", "[::1]:1", "10.0.0.1:7946"])
  func socketAddress(text: String) throws {
    let address = try address(text)
    #expect(NodeAddress(SocketAddress(address)) == address)
  }

  @Test("an interface's name works like its number", arguments: ["fe80::1%lo", "[fe80::1%lo]", "[fe80::1%lo]:80"])
  func names(text: String) throws {
    let address = try #require(try Interfaces.address(parsing: text, defaultPort: 7946))
    #expect(address.zone == 1)
    #expect(address.port == (text.hasSuffix("80") ? 80 : 7946))
    #expect(address.host == "fe80::1%1")
  }

  @Test("an interface that does not exist is an error that names it; text that is no address gives none")
  func unknown() throws {
    #expect { try Interfaces.address(parsing: "[fe80::1%nope0]:80", defaultPort: 1) } throws: { "\($0)".contains("'nope0'") }
    for text in ["fe80::1%", "[fe80::1%]:1", "%lo", "host%lo", "1.2.3.4%lo", "[fe80::1%lo", "[fe80::1%lo]:x", ""] {
      #expect(try Interfaces.address(parsing: text, defaultPort: 1) == nil, "\(text)")
    }
  }

  @Test("a socket on a link lends its zone to link-local destinations and leaves it out of sources")
  func scoped() throws {
    let local = try address("fe80::1%3")
    #expect(try address("fe80::2").scoped(by: local).zone == 3)
    #expect(try address("fe80::2%4").scoped(by: local).zone == 4)
    #expect(try address("fd00::2").scoped(by: local).zone == 0)
    #expect(try address("169.254.1.1").scoped(by: local).zone == 0)
    #expect(try address("fe80::2").scoped(by: try address("fe80::1")).zone == 0)
    #expect(try address("fe80::2%3").unscoped(by: local).zone == 0)
    #expect(try address("fe80::2%4").unscoped(by: local).zone == 4)
    #expect(try address("fe80::2%4").unscoped(by: try address("::")).zone == 4)
  }
}
