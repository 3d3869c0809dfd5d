import SerfPrimitives
import Testing

@Suite struct NodeAddressTests {
  @Test(
    "an address prints as people write it, and reads back",
    arguments: [
      "127.0.0.1:7946", "0.0.0.0:0", "[::1]:7946", "[::]:1", "[2001:db8::1:0:0:2]:65535", "[fe80::1]:9", "[1:2:3:4:5:6:7:8]:80", "[1::]:1",
      "[fe80::1%3]:7946", "[fe80::1%4294967295]:1",
    ])
  func roundTrip(text: String) throws {
    #expect(try #require(NodeAddress(parsing: text, defaultPort: 1)).description == text)
  }

  @Test(
    "what is not an address is refused",
    arguments: [
      "", "localhost:1", "256.1.1.1", "1.2.3", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "[::1", "[::1]x", "[:::1]:1", "[1::2::3]:1",
      "1:2:3:4:5:6:7:8:9",
      "[1:2:3:4:5:6:7:8::]:1", "[12345::]:1", "[::+1]:1", "1.2.3.4.5", "[1:]:1",
      "fe80::1%", "fe80::1%eth0", "fe80::1%0", "fe80::1%-1", "fe80::1%4294967296", "[fe80::1%3",
      "[fe80::1]%3:1", "1.2.3.4%1", "::ffff:1.2.3.4%1",
    ])
  func refused(text: String) {
    #expect(NodeAddress(parsing: text, defaultPort: 1) == nil)
  }

  @Test("a missing port takes the default")
  func defaultPort() {
    #expect(NodeAddress(parsing: "10.0.0.1", defaultPort: 7946)?.port == 7946)
    #expect(NodeAddress(parsing: "::1", defaultPort: 7946)?.description == "[::1]:7946")
    #expect(NodeAddress(parsing: "[::1]", defaultPort: 7946)?.port == 7946)
  }

  @Test("both forms of one IPv4 address are the same endpoint but not the same bytes")
  func forms() {
    let short = NodeAddress(ipv4: 10, 1, 2, 3, port: 7946)
    let long = short.mapped
    #expect(long.bytes == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3])
    #expect(short != long)
    #expect(short.isSameEndpoint(as: long))
    #expect(long.canonical == short)
    #expect(long.description == "10.1.2.3:7946")
    #expect(NodeAddress(parsing: "[::ffff:10.1.2.3]:7946", defaultPort: 0) == long)
  }

  @Test("a zone is part of an address here but never of its bytes; an address without one fits any")
  func zones() throws {
    let three = try #require(NodeAddress(parsing: "fe80::1%3", defaultPort: 7946))
    let none = try #require(NodeAddress(parsing: "fe80::1", defaultPort: 7946))
    var four = three
    four.zone = 4
    #expect(three.zone == 3 && none.zone == 0)
    #expect(three.bytes == none.bytes)
    #expect(three != none && three != four)
    #expect(three.isSameEndpoint(as: none) && none.isSameEndpoint(as: three) && !three.isSameEndpoint(as: four))
    #expect(!three.isSameEndpoint(as: none.with(port: 1)))
    #expect(three.canonical == three && three.mapped == three && three.with(port: 1).zone == 3)
    #expect(three.host == "fe80::1%3" && three.isLinkLocal && !three.isIPv4)
    #expect(NodeAddress(ipv4: 169, 254, 1, 1, port: 0).mapped.isLinkLocal)
    #expect(!NodeAddress(ipv4: 169, 255, 1, 1, port: 0).isLinkLocal)
    #expect(MemoryLayout<NodeAddress>.size == 24)
  }

  @Test("only 4 and 16 bytes are addresses", arguments: [0, 1, 3, 5, 15, 17])
  func lengths(count: Int) {
    #expect(NodeAddress(bytes: [UInt8](repeating: 1, count: count), port: 1) == nil)
  }

  @Test("unspecified and loopback are known in both forms")
  func kinds() {
    #expect(NodeAddress(ipv4: 0, 0, 0, 0, port: 5).mapped.isUnspecified)
    #expect(NodeAddress(parsing: "::", defaultPort: 0)?.isUnspecified == true)
    #expect(NodeAddress(parsing: "::1", defaultPort: 0)?.isLoopback == true)
    #expect(NodeAddress(ipv4: 127, 9, 9, 9, port: 0).mapped.isLoopback)
    #expect(!NodeAddress(ipv4: 128, 0, 0, 1, port: 0).isLoopback)
  }

  @Test(
    "an address that names no single host is no member's, in either form",
    arguments: [
      "0.0.0.0", "::", "::ffff:0.0.0.0", "224.0.0.0", "224.0.0.251", "239.255.255.255", "::ffff:224.0.0.1", "ff00::", "ff02::1", "ff0e::fb",
      "255.255.255.255", "::ffff:255.255.255.255",
    ])
  func isNotUnicast(text: String) throws {
    let address = try #require(NodeAddress(parsing: text, defaultPort: 7946))
    #expect(!address.isUnicast)
    #expect(!address.isUsableAsPeer)
    #expect(!address.mapped.isUsableAsPeer)
  }

  @Test(
    "the address of one host is a member's, unless its port is 0",
    arguments: [
      "10.0.0.1", "127.0.0.1", "169.254.1.1", "223.255.255.255", "240.0.0.1", "255.255.255.254", "::ffff:10.0.0.1", "::1", "fe80::1%3",
      "fd00::1", "2001:db8::1", "fe00::1",
    ])
  func isUnicast(text: String) throws {
    let address = try #require(NodeAddress(parsing: text, defaultPort: 7946))
    #expect(address.isUnicast && address.isUsableAsPeer)
    #expect(address.with(port: 0).isUnicast && !address.with(port: 0).isUsableAsPeer)
  }

  @Test("multicast and broadcast are told apart")
  func groups() {
    #expect(NodeAddress(ipv4: 224, 0, 0, 1, port: 0).isMulticast && !NodeAddress(ipv4: 224, 0, 0, 1, port: 0).isBroadcast)
    #expect(NodeAddress(ipv4: 255, 255, 255, 255, port: 0).isBroadcast && !NodeAddress(ipv4: 255, 255, 255, 255, port: 0).isMulticast)
    #expect(NodeAddress(parsing: "ff02::1", defaultPort: 0)?.isMulticast == true)
  }
}
