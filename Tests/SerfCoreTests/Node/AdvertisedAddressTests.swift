import SerfCore
import SerfPrimitives
import Testing

@Suite("an advertised address")
struct AdvertisedAddressTests {
  @Test(
    "where peers cannot reach a node is refused before the node exists",
    arguments: ["0.0.0.0:7946", "[::]:7946", "224.0.0.1:7946", "[ff02::1]:7946", "255.255.255.255:7946", "10.0.0.1:0"])
  func unusable(text: String) throws {
    let address = try #require(NodeAddress(parsing: text, defaultPort: 0))
    let error = #expect(throws: SerfCoreError.unusableAddress(address)) {
      _ = try NodeCore(.quiet, name: "me", address: address, seed: 1)
    }
    #expect(error?.description.contains(text) == true)
    _ = try NodeCore(.quiet, name: "me", address: NodeAddress(ipv4: 10, 0, 0, 1, port: 1), seed: 1)
  }
}
