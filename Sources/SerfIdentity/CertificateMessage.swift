/// TLS's Certificate message (RFC 8446, 4.4.2), read before a TLS library reads it.
package enum CertificateMessage {
  /// Refuses what may cost too much: a chain, a certificate or a key beyond the limits of `secure-transport.md` 1.2, or a key of a kind that no node
  /// may have. What passes is not trusted yet; it is only cheap to check.
  ///
  /// - Parameter body: the message without its header.
  package static func screen(_ body: [UInt8]) throws(VerificationFailure) {
    try CertificateChain.screen(try certificates(in: body))
  }

  /// struct { opaque certificate_request_context<0..2^8-1>; CertificateEntry certificate_list<0..2^24-1> } Certificate;
  /// struct { opaque cert_data<1..2^24-1>; Extension extensions<0..2^16-1> } CertificateEntry;
  static func certificates(in body: [UInt8]) throws(VerificationFailure) -> [[UInt8]] {
    var rest = body[...]
    _ = try vector(1, from: &rest)
    var list = try vector(3, from: &rest)
    guard rest.isEmpty else { throw .unreadable }
    var found: [[UInt8]] = []
    while !list.isEmpty {
      guard found.count < CertificateChain.depthMaximum else { throw .chainTooDeep }
      found.append(Array(try vector(3, from: &list)))
      _ = try vector(2, from: &list)
    }
    return found
  }

  /// Bytes behind their length of `width` bytes.
  private static func vector(_ width: Int, from bytes: inout ArraySlice<UInt8>) throws(VerificationFailure) -> ArraySlice<UInt8> {
    guard bytes.count >= width else { throw .unreadable }
    let length = bytes.prefix(width).reduce(0) { $0 << 8 | Int($1) }
    bytes = bytes.dropFirst(width)
    guard bytes.count >= length else { throw .unreadable }
    defer { bytes = bytes.dropFirst(length) }
    return bytes.prefix(length)
  }
}
