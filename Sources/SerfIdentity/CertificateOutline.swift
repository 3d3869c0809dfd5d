/// What our own code reads of a peer's certificate before GnuTLS sees any of it: its key, its names, and how many elements it has.
///
/// A TLS library checks the signature of CertificateVerify before it asks us, and a stranger chooses the key for that check: an RSA modulus and
/// exponent of 32,768 bits keep GnuTLS busy for seconds. GnuTLS's parser takes time that is quadratic in the number of elements. So both are limited
/// here, in time linear in the certificate's size and without any arithmetic (`secure-transport.md` 1.2).
package struct CertificateOutline {
  /// The public key that a certificate carries.
  package struct Key: Hashable, Sendable {
    package let kind: KeyKind
    /// Bits of an RSA key's public exponent; 0 for other kinds.
    package let exponentBits: Int
  }

  package let key: Key
  package let names: SubjectAlternativeNames

  /// More elements than any certificate in use has: our own have about 70, one with 64 names about 130. For several thousand elements GnuTLS takes
  /// more than 10 ms.
  package static let elementMaximum = 512
  /// The most bits that a peer's RSA key may have.
  package static let modulusBitsMaximum = 4096
  package static let exponentBitsMaximum = 33

  /// Reads a certificate.
  ///
  /// - Throws: ``VerificationFailure/unreadable`` when it is not DER as RFC 5280 requires, ``VerificationFailure/tooManyNames``, or
  ///   ``VerificationFailure/tooManyElements``.
  package init(der: [UInt8]) throws(VerificationFailure) {
    // Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { … }, signatureAlgorithm, signatureValue }
    var whole = DERReader(bytes: der[...])
    var certificate = DERReader(bytes: try whole.content(of: DERTag.sequence))
    guard whole.isAtEnd else { throw .unreadable }
    var body = DERReader(bytes: try certificate.content(of: DERTag.sequence))
    // TBSCertificate ::= SEQUENCE { version [0]?, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo, …, extensions [3]? }
    var (tag, content) = try body.next()
    if tag == DERTag.context(0) { (tag, content) = try body.next() }
    guard tag == DERTag.integer else { throw .unreadable }
    for _ in ["signature", "issuer", "validity", "subject"] { _ = try body.content(of: DERTag.sequence) }
    key = try Key(publicKeyInfo: body.content(of: DERTag.sequence))
    var extensions: ArraySlice<UInt8>?
    while !body.isAtEnd {
      (tag, content) = try body.next()
      guard tag == DERTag.context(3) else { continue }
      // A second list of extensions could hide a second identity.
      guard extensions == nil else { throw .unreadable }
      extensions = content
    }
    names = try extensions.map { content throws(VerificationFailure) in try Self.names(extensions: content) } ?? SubjectAlternativeNames([])
    var room = Self.elementMaximum
    try Self.countElements(der[...], depth: 0, room: &room)
  }

  /// Whether a peer's chain may present this key: as its leaf, or further up.
  package func checkKey(isLeaf: Bool) throws(VerificationFailure) {
    switch key.kind {
    case .rsa(let bits) where bits > Self.modulusBitsMaximum: throw .keyTooLarge(bits: bits)
    case .rsa where key.exponentBits > Self.exponentBitsMaximum: throw .exponentTooLarge(bits: key.exponentBits)
    case .rsa(let bits) where bits >= 2048: break
    case .p256, .p384, .ed25519: break
    case .p521 where !isLeaf, .ed448 where !isLeaf: break
    default: throw .weakKey(key.kind.description)
    }
  }

  private static func names(extensions: ArraySlice<UInt8>) throws(VerificationFailure) -> SubjectAlternativeNames {
    var outer = DERReader(bytes: extensions)
    var list = DERReader(bytes: try outer.content(of: DERTag.sequence))
    var names: SubjectAlternativeNames?
    while !list.isAtEnd {
      var fields = DERReader(bytes: try list.content(of: DERTag.sequence))
      guard try fields.content(of: DERTag.objectIdentifier).elementsEqual(subjectAlternativeName) else { continue }
      // A second list of names could hide a second identity.
      guard names == nil else { throw .unreadable }
      var field = try fields.next()
      if field.tag == DERTag.boolean { field = try fields.next() }  // critical
      guard field.tag == DERTag.octetString else { throw .unreadable }
      names = try SubjectAlternativeNames(value: field.content)
    }
    return names ?? SubjectAlternativeNames([])
  }

  /// Takes one from `room` for each element, including those in the values of extensions. Bytes that are not DER are not counted: no parser reads
  /// further than that.
  private static func countElements(_ bytes: ArraySlice<UInt8>, depth: Int, room: inout Int) throws(VerificationFailure) {
    guard depth < depthMaximum else { return }
    var reader = DERReader(bytes: bytes)
    while !reader.isAtEnd {
      guard let (tag, content) = try? reader.next() else { return }
      room -= 1
      guard room >= 0 else { throw .tooManyElements }
      if tag & DERTag.constructed != 0 || tag == DERTag.octetString { try countElements(content, depth: depth + 1, room: &room) }
    }
  }

  /// Deeper than any extension that GnuTLS parses on its own.
  private static let depthMaximum = 24
  /// id-ce-subjectAltName, 2.5.29.17.
  private static let subjectAlternativeName: [UInt8] = [0x55, 0x1d, 0x11]
}

extension CertificateOutline.Key {
  /// SubjectPublicKeyInfo ::= SEQUENCE { algorithm SEQUENCE { OBJECT IDENTIFIER, parameters }, subjectPublicKey BIT STRING }: its content.
  fileprivate init(publicKeyInfo: ArraySlice<UInt8>) throws(VerificationFailure) {
    var fields = DERReader(bytes: publicKeyInfo)
    var algorithm = DERReader(bytes: try fields.content(of: DERTag.sequence))
    let identifier = try algorithm.content(of: DERTag.objectIdentifier)
    var bits = try fields.content(of: DERTag.bitString)
    guard bits.popFirst() == 0, fields.isAtEnd else { throw .unreadable }
    switch Array(identifier) {
    case Self.rsa, Self.rsaPSS:
      // RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }
      var key = DERReader(bytes: bits)
      var numbers = DERReader(bytes: try key.content(of: DERTag.sequence))
      let modulus = try numbers.content(of: DERTag.integer)
      let exponent = try numbers.content(of: DERTag.integer)
      guard key.isAtEnd, numbers.isAtEnd else { throw .unreadable }
      kind = .rsa(bits: Self.bitCount(modulus))
      exponentBits = Self.bitCount(exponent)
    case Self.ellipticCurve:
      let (tag, curve) = try algorithm.next()
      kind = tag == DERTag.objectIdentifier ? Self.curves[Array(curve)] ?? .other : .other
      exponentBits = 0
    case Self.ed25519: (kind, exponentBits) = (.ed25519, 0)
    case Self.ed448: (kind, exponentBits) = (.ed448, 0)
    default: (kind, exponentBits) = (.other, 0)
    }
  }

  /// The bits of a number that is read as positive, as GnuTLS does.
  private static func bitCount(_ number: ArraySlice<UInt8>) -> Int {
    let digits = number.drop { $0 == 0 }
    return digits.first.map { digits.count * 8 - $0.leadingZeroBitCount } ?? 0
  }

  // RFC 8017 (A.1), RFC 5480 (2.1.1) and RFC 8410 (3).
  private static let rsa: [UInt8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01]
  private static let rsaPSS: [UInt8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a]
  private static let ellipticCurve: [UInt8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]
  private static let ed25519: [UInt8] = [0x2b, 0x65, 0x70]
  private static let ed448: [UInt8] = [0x2b, 0x65, 0x71]
  private static let curves: [[UInt8]: KeyKind] = [
    [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]: .p256,
    [0x2b, 0x81, 0x04, 0x00, 0x22]: .p384,
    [0x2b, 0x81, 0x04, 0x00, 0x23]: .p521,
  ]
}
