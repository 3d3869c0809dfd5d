/// The subjectAltName extension, read and written by our own code (RFC 5280, 4.2.1.6).
///
/// GnuTLS decodes these names too, but turns them into C strings and may convert them. A name that decides about membership is compared exactly as it
/// is in the certificate (`secure-transport.md` 1.1).
package struct SubjectAlternativeNames: Equatable, Sendable {
  package enum Name: Equatable, Sendable {
    case dns([UInt8])
    case uri([UInt8])
    /// An address, a mailbox, …: present, but never used.
    case other(tag: UInt8)
  }

  /// A node's certificate needs one name; a few more, for other uses of the same certificate, do no harm.
  package static let countMaximum = 64

  package var names: [Name]

  package init(_ names: [Name]) { self.names = names }

  /// A certificate's names; none when it has no such extension.
  package init(certificate der: [UInt8]) throws(VerificationFailure) { self = try CertificateOutline(der: der).names }

  /// Reads the extension's value. Stops with ``VerificationFailure/tooManyNames`` at the first name beyond ``countMaximum``.
  package init(value: ArraySlice<UInt8>) throws(VerificationFailure) {
    names = []
    var outer = DERReader(bytes: value)
    var reader = DERReader(bytes: try outer.content(of: DERTag.sequence))
    guard outer.isAtEnd else { throw .unreadable }
    while !reader.isAtEnd {
      guard names.count < Self.countMaximum else { throw .tooManyNames }
      let (tag, content) = try reader.next()
      switch tag {
      case Self.dnsName: names.append(.dns(Array(content)))
      case Self.uniformResourceIdentifier: names.append(.uri(Array(content)))
      default: names.append(.other(tag: tag))
      }
    }
  }

  /// The extension's value; names of other kinds are left out.
  package var der: [UInt8] {
    var content: [UInt8] = []
    for name in names {
      switch name {
      case .dns(let bytes): Self.append(tag: Self.dnsName, bytes, to: &content)
      case .uri(let bytes): Self.append(tag: Self.uniformResourceIdentifier, bytes, to: &content)
      case .other: continue
      }
    }
    var whole: [UInt8] = []
    Self.append(tag: DERTag.sequence, content, to: &whole)
    return whole
  }

  private static func append(tag: UInt8, _ content: [UInt8], to output: inout [UInt8]) {
    output.append(tag)
    if content.count < 0x80 {
      output.append(UInt8(content.count))
    } else {
      let size = (Int.bitWidth - content.count.leadingZeroBitCount + 7) / 8
      output.append(0x80 | UInt8(size))
      for byte in (0..<size).reversed() { output.append(UInt8(truncatingIfNeeded: content.count >> (8 * byte))) }
    }
    output += content
  }

  private static let dnsName: UInt8 = 0x82
  private static let uniformResourceIdentifier: UInt8 = 0x86
}
