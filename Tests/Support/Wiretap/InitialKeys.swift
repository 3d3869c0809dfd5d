import CTestCrypto

/// The keys of a client's Initial packets, which follow from the connection ID that it chose for the server (RFC 9001, section 5.2).
package struct InitialKeys {
  package let key: [UInt8]
  package let vector: [UInt8]
  package let headerProtection: [UInt8]

  package init(destination: [UInt8]) {
    let initial = Self.filled(32) { tc_hkdf_extract(Self.salt, Self.salt.count, destination, destination.count, $0) }
    let client = Self.expand(initial, "client in", 32)
    key = Self.expand(client, "quic key", 16)
    vector = Self.expand(client, "quic iv", 12)
    headerProtection = Self.expand(client, "quic hp", 16)
  }

  private static let salt: [UInt8] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a,
  ]

  /// HKDF-Expand-Label (RFC 8446, section 7.1) without a context.
  private static func expand(_ secret: [UInt8], _ label: String, _ count: Int) -> [UInt8] {
    let label = Array("tls13 \(label)".utf8)
    let info = [UInt8(count >> 8), UInt8(count & 0xff), UInt8(label.count)] + label + [0]
    return filled(count) { tc_hkdf_expand(secret, info, info.count, $0, count) }
  }

  /// The mask that hides the first byte and the packet number, from a sample of the packet (RFC 9001, section 5.4.3).
  func mask(_ sample: [UInt8]) -> [UInt8] { Self.filled(16) { tc_aes128_block(headerProtection, sample, $0) } }

  /// The packet's frames, or nil when it was sealed with other keys.
  func open(_ sealed: [UInt8], header: [UInt8], packetNumber: Int) -> [UInt8]? {
    var nonce = vector
    for index in 0..<8 { nonce[11 - index] ^= UInt8(truncatingIfNeeded: packetNumber >> (8 * index)) }
    guard sealed.count >= 16 else { return nil }
    var isAuthentic = false
    let frames = [UInt8](unsafeUninitializedCapacity: sealed.count) { buffer, count in
      isAuthentic = tc_aes128_gcm_open(key, nonce, header, header.count, sealed, sealed.count, buffer.baseAddress) == 0
      count = isAuthentic ? sealed.count - 16 : 0
    }
    return isAuthentic ? frames : nil
  }

  private static func filled(_ count: Int, _ body: (UnsafeMutablePointer<UInt8>) -> Int32) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      guard let base = buffer.baseAddress else { return }
      precondition(body(base) == 0, "GnuTLS lacks a primitive that QUIC needs")
      initialized = count
    }
  }
}
