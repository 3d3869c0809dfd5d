import SerfPrimitives
import Testing

@Suite struct CIDRBlockTests {
  @Test(
    "a block prints as people write it, without the bits beyond its prefix",
    arguments: [
      ("10.0.0.0/8", "10.0.0.0/8"), ("10.1.2.3/8", "10.0.0.0/8"), ("0.0.0.0/0", "0.0.0.0/0"), ("192.168.1.77", "192.168.1.77/32"),
      ("172.31.255.255/12", "172.16.0.0/12"), ("1.2.3.4/31", "1.2.3.4/31"), ("fd00::/8", "fd00::/8"), ("fdff::1/8", "fd00::/8"),
      ("::/0", "::/0"), ("::1", "::1/128"), ("2001:db8:1:2:3:4:5:6/64", "2001:db8:1:2::/64"), ("2001:db8::ffff/127", "2001:db8::fffe/127"),
      ("2001:db8:0:0:ff00::/65", "2001:db8:0:0:8000::/65"), ("::ffff:10.1.2.3/104", "10.0.0.0/8"), ("::ffff:10.1.2.3", "10.1.2.3/32"),
    ])
  func parsed(text: String, printed: String) throws {
    let block = try #require(CIDRBlock(parsing: text))
    #expect(block.description == printed)
    #expect(CIDRBlock(parsing: printed) == block)
  }

  @Test(
    "texts that are no block are refused",
    arguments: [
      "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.0/8 ", " 10.0.0.0/8", "10.0.0/8",
      "10.0.0.0/x", "10.0.0.0/0008", "10.0.0.0:80/8", "[fd00::]/8", "fd00::/129", "fd00::/1000", "fe80::1%1/64", "localhost/8", "fd00/8",
    ])
  func refused(text: String) {
    #expect(CIDRBlock(parsing: text) == nil)
  }

  @Test(
    "an address is in a block or not",
    arguments: [
      ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.0.0.0/8", "::ffff:10.1.1.1", true),
      ("10.0.0.0/8", "::ffff:11.1.1.1", false), ("10.0.0.0/8", "a00::1", false), ("0.0.0.0/0", "255.1.2.3", true),
      ("0.0.0.0/0", "::1", false), ("::/0", "::1", true), ("::/0", "1.2.3.4", false), ("::/0", "::ffff:1.2.3.4", false),
      ("1.2.3.4", "1.2.3.4", true), ("1.2.3.4", "1.2.3.5", false), ("fd00::/8", "fdab::1", true), ("fd00::/8", "fe80::1", false),
      ("2001:db8::/65", "2001:db8::7fff:0:0:1", true), ("2001:db8::/65", "2001:db8::8000:0:0:1", false),
      ("2001:db8::8/127", "2001:db8::9", true), ("2001:db8::8/127", "2001:db8::a", false), ("::ffff:10.0.0.0/104", "10.9.9.9", true),
    ])
  func contains(block: String, address: String, isIn: Bool) throws {
    let block = try #require(CIDRBlock(parsing: block))
    #expect(block.contains(try #require(NodeAddress(parsing: address, defaultPort: 7946))) == isIn)
  }

  @Test("any of the allowed networks is enough, and none at all means all")
  func allowed() throws {
    let networks = try AllowedNetworks(parsing: ["10.0.0.0/8", "fd00::/8"])
    #expect(networks.contains(NodeAddress(ipv4: 10, 0, 0, 1, port: 1)))
    #expect(networks.contains(try #require(NodeAddress(parsing: "fd00::1", defaultPort: 1))))
    #expect(!networks.contains(NodeAddress(ipv4: 127, 0, 0, 1, port: 1)))
    #expect(AllowedNetworks.all.contains(NodeAddress(ipv4: 127, 0, 0, 1, port: 1)))
    #expect(AllowedNetworks.all == AllowedNetworks([]))
  }

  @Test("a text that is no network is refused by its name, and not skipped")
  func noNetwork() throws {
    let error = #expect(throws: SerfError.self) { try AllowedNetworks(parsing: ["10.0.0.0/8", "10.0.0.0/33"]) }
    #expect(error?.code == .configuration && error?.message.contains("'10.0.0.0/33' is no network") == true)
  }
}
