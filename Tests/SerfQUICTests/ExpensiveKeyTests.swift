import SerfIdentity
import SerfPrimitives
import SerfQUIC
import Testing
import Wiretap

/// Certificates that cost their receiver more than their sender: refused before GnuTLS sees them (`secure-transport.md` 1.2).
@Suite struct ExpensiveKeyTests {
  struct Expensive: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let failure: VerificationFailure
    var signatureLength = 256
    let chain: @Sendable () -> [[UInt8]]
  }

  private static func certificate(_ key: ForgedCertificate.Key, names: Int = 1, subjectParts: Int = 1) -> [UInt8] {
    var certificate = ForgedCertificate(key)
    certificate.nameCount = names
    certificate.subjectParts = subjectParts
    return certificate.der
  }

  private static let cheap = ForgedCertificate.Key.rsa(modulusBits: 2048, exponentBits: 17)
  static let all: [Expensive] = [
    Expensive(testDescription: "n = e = 32,768 bits", failure: .keyTooLarge(bits: 32_768), signatureLength: 4096) {
      [certificate(.rsa(modulusBits: 32_768, exponentBits: 32_768))]
    },
    Expensive(testDescription: "n = e = 16,384 bits", failure: .keyTooLarge(bits: 16_384), signatureLength: 2048) {
      [certificate(.rsa(modulusBits: 16_384, exponentBits: 16_384))]
    },
    Expensive(testDescription: "n = 4,097 bits", failure: .keyTooLarge(bits: 4097), signatureLength: 512) {
      [certificate(.rsa(modulusBits: 4097, exponentBits: 17))]
    },
    Expensive(testDescription: "n = e = 4,096 bits", failure: .exponentTooLarge(bits: 4096), signatureLength: 512) {
      [certificate(.rsa(modulusBits: 4096, exponentBits: 4096))]
    },
    Expensive(testDescription: "e of 34 bits", failure: .exponentTooLarge(bits: 34)) {
      [certificate(.rsa(modulusBits: 2048, exponentBits: 34))]
    },
    Expensive(testDescription: "an intermediate with n = e = 4,096 bits", failure: .exponentTooLarge(bits: 4096)) {
      [certificate(cheap), certificate(.rsa(modulusBits: 4096, exponentBits: 4096))]
    },
    Expensive(testDescription: "4,800 names", failure: .tooManyNames) { [certificate(cheap, names: 4800)] },
    Expensive(testDescription: "a subject of 1,200 parts", failure: .tooManyElements) { [certificate(cheap, subjectParts: 1200)] },
    Expensive(testDescription: "RSA of 1,024 bits", failure: .weakKey("RSA 1024"), signatureLength: 128) {
      [certificate(.rsa(modulusBits: 1024, exponentBits: 17))]
    },
  ]

  private static func mallory(_ expensive: Expensive, on network: EndpointNetwork) throws -> TestNode {
    let forged = try #require(forgedCredentials(expensive.chain(), signatureLength: expensive.signatureLength))
    let credentials = try Credentials(
      impostor: forged, calling: "mallory", authorities: TestAuthority.shared.authority.certificatePEM)
    return network.node("mallory", number: 66, credentials: credentials) { $0.handshakeMessageLimit = 1 << 20 }
  }

  /// Generous, for builds with sanitizers; a debug build takes at most 2.5 ms, most of it for the rest of the handshake.
  private static let patience = Duration.milliseconds(25)

  @Test("a client whose certificate is expensive to check is refused for that, and costs little", arguments: all)
  func clients(expensive: Expensive) throws {
    let network = EndpointNetwork()
    let b = MeteredNode(network.node("b", number: 2))
    let mallory = try Self.mallory(expensive, on: network)
    let id = mallory.dial(b.node)
    #expect(network.run(for: .seconds(15)) { mallory.closed[id] != nil && b.node.turnedAway.count == 1 })
    #expect(b.node.turnedAway.first == .peerNotAuthorised(expensive.failure))
    #expect(mallory.closed[id] == .refusedOurCertificate(alert: expensive.failure.tlsAlert))
    #expect(b.node.endpoint.counters.certificatesRefused == 1)
    #expect(b.cpuTime < Self.patience)
  }

  @Test("a server whose certificate is expensive to check is refused for that, and costs little", arguments: all)
  func servers(expensive: Expensive) throws {
    let network = EndpointNetwork()
    let a = MeteredNode(network.node("a", number: 1))
    let mallory = try Self.mallory(expensive, on: network)
    let id = a.node.dial(mallory)
    #expect(network.run(for: .seconds(15)) { a.node.closed[id] != nil })
    #expect(a.node.closed[id] == .peerNotAuthorised(expensive.failure))
    #expect(a.node.endpoint.counters.certificatesRefused == 1)
    #expect(a.cpuTime < Self.patience)
  }

  @Test("a signature longer than any that an allowed key makes is refused before it is checked")
  func longSignature() throws {
    let network = EndpointNetwork()
    let a = network.node("a", number: 1)
    let b = network.node("b", number: 2)
    let long = Expensive(testDescription: "", failure: .badSignature, signatureLength: 513) { [Self.certificate(Self.cheap)] }
    let mallory = try Self.mallory(long, on: network)
    let id = a.dial(mallory)
    mallory.dial(b)
    #expect(network.run(for: .seconds(15)) { a.closed[id] != nil && !b.turnedAway.isEmpty })
    #expect(a.closed[id] == .error(Self.decodeError))
    #expect(b.turnedAway == [.error(Self.decodeError)])
  }

  @Test("the longest signature that is allowed is checked, and found wrong")
  func wrongSignature() throws {
    let network = EndpointNetwork()
    let b = network.node("b", number: 2)
    let wrong = Expensive(testDescription: "", failure: .badSignature, signatureLength: 512) {
      [Self.certificate(.rsa(modulusBits: 4096, exponentBits: 33))]
    }
    let mallory = try Self.mallory(wrong, on: network)
    mallory.dial(b)
    #expect(network.run(for: .seconds(15)) { !b.turnedAway.isEmpty })
    #expect(b.turnedAway == [.error(Self.decryptError)])
  }

  private static let decodeError: UInt64 = 0x100 + 50
  private static let decryptError: UInt64 = 0x100 + 51
}
