import SerfPrimitives
import SerfQUIC
import Testing
import Wiretap

@Suite("What an observer of a dial can read")
struct ClientHelloTests {
  @Test("is opened with the keys of RFC 9001, appendix A.1")
  func keys() {
    let keys = InitialKeys(destination: [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08])
    #expect(keys.key == [0x1f, 0x36, 0x96, 0x13, 0xdd, 0x76, 0xd5, 0x46, 0x77, 0x30, 0xef, 0xcb, 0xe3, 0xb1, 0xa2, 0x2d])
    #expect(keys.vector == [0xfa, 0x04, 0x4b, 0x2f, 0x42, 0xa3, 0xfd, 0x3b, 0x46, 0xfb, 0x25, 0x5c])
    #expect(keys.headerProtection == [0x9f, 0x50, 0x44, 0x9e, 0x04, 0xa0, 0xe8, 0x10, 0x28, 0x3a, 0x1e, 0x99, 0x33, 0xad, 0xed, 0xd2])
  }

  @Test("says which protocol is spoken and does not name the server")
  func noServerName() throws {
    let network = EndpointNetwork()
    var hellos = ClientHellos()
    network.intercept = { datagram in
      hellos.add(datagram.bytes)
      return [datagram]
    }
    let a = network.node("a", number: 1)
    let b = network.node("b", number: 2)
    let id = a.dial(b, expecting: .name("b"))
    #expect(network.run(for: .seconds(2)) { a.confirmed.contains(id) })
    let hello = try #require(hellos.complete.first)
    #expect(hellos.complete.count == 1)
    #expect(hello.applicationProtocols == ["serf/1"])
    #expect(hello.extensions.count > 4)
    #expect(!hello.namesServer)
  }
}
