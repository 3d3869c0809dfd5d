import SerfIdentity
import SerfPrimitives
import SerfQUIC
import Testing
import Wiretap

/// Which of a peer's handshake messages pass to GnuTLS, however they arrive.
@Suite struct HandshakeGateTests {
  // Types of messages (RFC 8446, 4).
  private static let clientHello: UInt8 = 1
  private static let serverHello: UInt8 = 2
  private static let newSessionTicket: UInt8 = 4
  private static let encryptedExtensions: UInt8 = 8
  private static let certificate: UInt8 = 11
  private static let certificateRequest: UInt8 = 13
  private static let certificateVerify: UInt8 = 15
  private static let finished: UInt8 = 20
  private static let keyUpdate: UInt8 = 24
  private static let compressedCertificate: UInt8 = 25

  private static let unexpectedMessage: UInt8 = 10
  private static let decodeError: UInt8 = 50

  private static func number(_ value: Int, width: Int) -> [UInt8] {
    (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private static func message(_ type: UInt8, _ body: [UInt8]) -> [UInt8] { [type] + number(body.count, width: 3) + body }

  private static func message(_ type: UInt8, count: Int) -> [UInt8] { message(type, Array(repeating: 0x5a, count: count)) }

  private static func chain(_ certificates: [UInt8]...) -> [UInt8] {
    let list = certificates.flatMap { number($0.count, width: 3) + $0 + number(0, width: 2) }
    return [0] + number(list.count, width: 3) + list
  }

  private static let good = TestAuthority.shared.credentials("a").identity.chain[0]

  /// A gate, and what came through it.
  private final class Passage {
    let gate: HandshakeGate
    private(set) var passed: [UInt8] = []
    private(set) var alert: UInt8?

    init(_ role: QUICRole, messageLimit: Int = 17 << 10) { gate = HandshakeGate(role: role, messageLimit: messageLimit) }

    func feed(_ bytes: [UInt8], at level: HandshakeGate.Level = .handshake) {
      bytes.withUnsafeBytes { input in
        var rest = input[...]
        while !rest.isEmpty, alert == nil {
          switch gate.receive(UnsafeRawBufferPointer(rebasing: rest), at: level) {
          case .pass(let bytes, let taken):
            passed += Array(bytes)
            rest = rest.dropFirst(taken)
          case .hold(let taken): rest = rest.dropFirst(taken)
          case .refuse(let alert): self.alert = alert
          }
        }
      }
    }
  }

  /// Passes the bytes in two pieces, cut at each place, in pieces of one byte, and whole.
  private static func everyWay(_ bytes: [UInt8], _ role: QUICRole, _ check: (Passage) -> Void) {
    for cut in 0...bytes.count {
      let passage = Passage(role)
      passage.feed(Array(bytes[..<cut]))
      passage.feed(Array(bytes[cut...]))
      check(passage)
    }
    let passage = Passage(role)
    for byte in bytes { passage.feed([byte]) }
    check(passage)
  }

  @Test("a proper flight passes as it is, however it is cut", arguments: [QUICRole.client, .server])
  func proper(role: QUICRole) {
    var flight = Self.message(Self.certificate, Self.chain(Self.good)) + Self.message(Self.certificateVerify, count: 72)
    flight += Self.message(Self.finished, count: 32)
    if role == .client {
      flight = Self.message(Self.encryptedExtensions, count: 90) + Self.message(Self.certificateRequest, count: 40) + flight
    }
    Self.everyWay(flight, role) { passage in
      #expect(passage.alert == nil)
      #expect(passage.passed == flight)
    }
  }

  @Test("no part of a certificate passes before all of it has arrived")
  func held() {
    let flight = Self.message(Self.certificate, Self.chain(Self.good))
    let passage = Passage(.server)
    for byte in flight.dropLast() {
      passage.feed([byte])
      #expect(passage.passed.count <= 4)
    }
    passage.feed([flight[flight.count - 1]])
    #expect(passage.passed == flight)
  }

  @Test("of a flight whose key is too expensive no byte of the certificate or of what follows it passes, however it is cut")
  func expensive() {
    let forged = ForgedCertificate(.rsa(modulusBits: 4096, exponentBits: 4096)).der
    let flight = Self.message(Self.certificate, Self.chain(forged)) + Self.message(Self.certificateVerify, count: 516)
    Self.everyWay(flight, .server) { passage in
      #expect(passage.alert == VerificationFailure.exponentTooLarge(bits: 4096).tlsAlert)
      #expect(passage.gate.failure == .exponentTooLarge(bits: 4096))
      #expect(passage.passed.count <= 4)
    }
  }

  @Test("CertificateVerify passes with a signature of 512 bytes, and not with one more")
  func signatureLength() {
    let most = Passage(.client)
    most.feed(Self.message(Self.certificateVerify, count: 516))
    #expect(most.alert == nil && most.passed.count == 520)
    let more = Passage(.client)
    more.feed(Array(Self.message(Self.certificateVerify, count: 517).prefix(4)))
    #expect(more.alert == Self.decodeError && more.passed.isEmpty)
  }

  @Test("a chain beyond the limit is refused from its header, and so is any other long message")
  func length() {
    let chain = Passage(.server, messageLimit: 1000)
    chain.feed([Self.certificate] + Self.number(1001, width: 3))
    #expect(chain.gate.failure == .chainTooLarge && chain.alert == VerificationFailure.chainTooLarge.tlsAlert)
    for (type, limit) in [(Self.encryptedExtensions, 1000), (Self.certificateRequest, 1000), (Self.finished, 64)] {
      let passage = Passage(.client, messageLimit: 1000)
      passage.feed([type] + Self.number(limit + 1, width: 3))
      #expect(passage.alert == Self.decodeError)
    }
  }

  @Test(
    "a message that is not allowed at its encryption level is refused",
    arguments: [
      (QUICRole.server, HandshakeGate.Level.initial, [clientHello]), (.client, .initial, [serverHello]),
      (.server, .handshake, [certificate, certificateVerify, finished]),
      (.client, .handshake, [encryptedExtensions, certificateRequest, certificate, certificateVerify, finished]),
      (.server, .application, []), (.client, .application, [newSessionTicket]),
    ])
  func place(role: QUICRole, level: HandshakeGate.Level, allowed: [UInt8]) {
    for type in UInt8.min ... .max {
      let passage = Passage(role)
      passage.feed([type] + Self.number(40, width: 3), at: level)
      #expect((passage.alert == nil) == allowed.contains(type), "\(type)")
      if !allowed.contains(type) { #expect(passage.alert == Self.unexpectedMessage) }
    }
  }

  @Test("a message that begins at one encryption level and goes on at another is refused, because GnuTLS would join them")
  func levels() {
    let hello = Self.message(Self.clientHello, count: 100)
    for cut in 1..<hello.count {
      let passage = Passage(.server)
      passage.feed(Array(hello[..<cut]), at: .initial)
      passage.feed(Self.message(Self.certificate, Self.chain(Self.good)), at: .handshake)
      #expect(passage.alert == Self.unexpectedMessage)
    }
    let passage = Passage(.server)
    passage.feed(hello, at: .initial)
    passage.feed(Self.message(Self.finished, count: 32), at: .handshake)
    #expect(passage.alert == nil)
  }

  @Test("bytes that are no certificate message are refused as unreadable, and no mutation of one crashes the reader")
  func malformed() {
    let body = Self.chain(Self.good, Self.good)
    for count in 0..<body.count {
      let passage = Passage(.server)
      passage.feed(Self.message(Self.certificate, Array(body[..<count])))
      #expect(passage.gate.failure == .unreadable)
    }
    for index in body.indices {
      var mutated = body
      mutated[index] ^= 1 << UInt8(index % 8)
      Passage(.server).feed(Self.message(Self.certificate, mutated))
    }
    let empty = Passage(.server)
    empty.feed(Self.message(Self.certificate, Self.chain()))
    #expect(empty.gate.failure == .noCertificate)
    let deep = Passage(.server)
    deep.feed(Self.message(Self.certificate, Self.chain(Self.good, Self.good, Self.good, Self.good, Self.good)))
    #expect(deep.gate.failure == .chainTooDeep)
  }
}
