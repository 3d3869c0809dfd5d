import SerfIdentity
import Testing

@Suite("Subject alternative names")
struct SubjectAlternativeNamesTests {
  @Test("survive writing and reading", arguments: [0, 1, 3, 64])
  func roundTrip(count: Int) throws {
    let names = SubjectAlternativeNames((0..<count).map { .uri(Array(String(repeating: "u", count: $0 * 7).utf8)) })
    #expect(try SubjectAlternativeNames(value: names.der[...]) == names)
  }

  @Test("of other kinds are seen and skipped")
  func otherKinds() throws {
    let names = try SubjectAlternativeNames(value: [0x30, 0x0b, 0x87, 4, 127, 0, 0, 1, 0x82, 3, 0x61, 0x2e, 0x62])
    #expect(names.names == [.other(tag: 0x87), .dns(Array("a.b".utf8))])
  }

  @Test(
    "in anything but DER are refused",
    arguments: [
      [], [0x30], [0x31, 0], [0x30, 1], [0x30, 0x80, 0, 0], [0x30, 0x81, 3, 0x82, 1, 0x61], [0x30, 3, 0x82, 2, 0x61], [0x30, 0, 0],
      [0x30, 0x84, 0, 0, 0, 0], [0x30, 0x82, 0, 0x80] + Array(repeating: 0x30, count: 128), [0x30, 2, 0x1f, 0],
    ] as [[UInt8]])
  func notDER(bytes: [UInt8]) {
    #expect(throws: VerificationFailure.unreadable) { try SubjectAlternativeNames(value: bytes[...]) }
  }

  @Test("come out of a certificate, and no mutation of it crashes the reader")
  func certificates() throws {
    let der = try authority.get().issue(goodRequest()).chain.leaf.der
    #expect(try SubjectAlternativeNames(certificate: der) == names("serf://default/node-1"))
    var nameless = goodRequest()
    nameless.names = SubjectAlternativeNames([])
    #expect(try SubjectAlternativeNames(certificate: authority.get().issue(nameless).chain.leaf.der).names.isEmpty)
    for index in der.indices {
      for bit in 0..<8 {
        var mutated = der
        mutated[index] ^= 1 << UInt8(bit)
        _ = try? SubjectAlternativeNames(certificate: mutated)
      }
      _ = try? SubjectAlternativeNames(certificate: Array(der.prefix(index)))
    }
  }
}
