import CTestCrypto

/// A certificate that no library would make: any number as its RSA key, any names. No authority signed it, and its holder has no private key.
package struct ForgedCertificate {
  /// RSA with numbers of these sizes in bits, both odd and otherwise random.
  package enum Key {
    case rsa(modulusBits: Int, exponentBits: Int)
    /// The content of SubjectPublicKeyInfo.
    case other([UInt8])
  }

  package var key: Key
  /// How many DNS names it has.
  package var nameCount = 1
  /// How many parts its subject's name has.
  package var subjectParts = 1

  package init(_ key: Key) { self.key = key }

  package var der: [UInt8] {
    let algorithm = Self.sequence(Self.element(0x06, [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b]), [0x05, 0x00])
    let validity = Self.sequence(Self.element(0x17, Array("200101000000Z".utf8)), Self.element(0x17, Array("490101000000Z".utf8)))
    let names = Self.sequence(Array(repeatElement(Self.element(0x82, [0x61]), count: nameCount).joined()))
    let extensions = Self.sequence(Self.sequence(Self.element(0x06, [0x55, 0x1d, 0x11]), Self.element(0x04, names)))
    let body = Self.sequence(
      [0xa0, 0x03, 0x02, 0x01, 0x02], [0x02, 0x01, 0x01], algorithm, Self.name(1), validity, Self.name(subjectParts), publicKey,
      Self.element(0xa3, extensions))
    return Self.sequence(body, algorithm, Self.element(0x03, [0] + Self.odd(bits: 2048)))
  }

  private var publicKey: [UInt8] {
    guard case .rsa(let modulusBits, let exponentBits) = key else {
      if case .other(let content) = key { return Self.sequence(content) } else { return [] }
    }
    let numbers = Self.sequence(Self.element(0x02, Self.odd(bits: modulusBits)), Self.element(0x02, Self.odd(bits: exponentBits)))
    let algorithm = Self.sequence(Self.element(0x06, [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01]), [0x05, 0x00])
    return Self.sequence(algorithm, Self.element(0x03, [0] + numbers))
  }

  private static func name(_ parts: Int) -> [UInt8] {
    let part = element(0x31, sequence(element(0x06, [0x55, 0x04, 0x03]), element(0x0c, [0x61])))
    return sequence(Array(repeatElement(part, count: parts).joined()))
  }

  /// A positive odd number of exactly this many bits, as the content of an INTEGER.
  private static func odd(bits: Int) -> [UInt8] {
    var bytes = (0..<(bits + 7) / 8).map { _ in UInt8.random(in: .min ... .max) }
    let top = UInt8(1) << UInt8((bits - 1) % 8)
    bytes[0] = bytes[0] & (top - 1) | top
    bytes[bytes.count - 1] |= 1
    return top == 0x80 ? [0] + bytes : bytes
  }

  private static func sequence(_ parts: [UInt8]...) -> [UInt8] { element(0x30, Array(parts.joined())) }

  private static func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
    switch content.count {
    case ..<0x80: [tag, UInt8(content.count)] + content
    case ..<0x100: [tag, 0x81, UInt8(content.count)] + content
    default: [tag, 0x82, UInt8(content.count >> 8), UInt8(content.count & 0xff)] + content
    }
  }
}

/// GnuTLS credentials (a `gnutls_certificate_credentials_t`) that present these certificates and sign with random bytes; nil when GnuTLS refuses.
package func forgedCredentials(_ certificates: [[UInt8]], signatureLength: Int) -> UnsafeMutableRawPointer? {
  let flat = certificates.flatMap(\.self)
  return flat.withUnsafeBufferPointer { buffer in
    var starts: [UnsafePointer<UInt8>?] = []
    var offset = 0
    for certificate in certificates {
      starts.append(buffer.baseAddress.map { $0 + offset })
      offset += certificate.count
    }
    return tc_forged_credentials(starts, certificates.map(\.count), certificates.count, signatureLength)
  }
}

/// CPU time that this thread has used.
package func threadCPUTime() -> Duration { .nanoseconds(Int64(tc_thread_cpu_time())) }
