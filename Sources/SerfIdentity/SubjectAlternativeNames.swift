/// The subjectAltName extension, read and written by our own bytes (RFC 5280, 4.2.1.6).
///
/// GnuTLS decodes these names too, but turns them into C strings and knows conversions; a name that decides about membership is
/// compared exactly as it stands in the certificate (`secure-transport.md` 1.1).
package struct SubjectAlternativeNames: Equatable, Sendable {
  package enum Name: Equatable, Sendable {
    case dns([UInt8])
    case uri([UInt8])
    /// An address, a mailbox, …: present, never looked at.
    case other(tag: UInt8)
  }

  /// A node's certificate needs one name; a few more for other uses of the same certificate are no harm.
  package static let countMaximum = 64

  package var names: [Name]

  package init(_ names: [Name]) { self.names = names }

  /// Reads the extension's value. Stops with ``VerificationFailure/tooManyNames`` at the first name beyond ``countMaximum``.
  package init(der: [UInt8]) throws(VerificationFailure) {
    names = []
    var outer = DERReader(bytes: der[...])
    guard let (tag, content) = outer.next(), tag == Self.sequence, outer.isAtEnd else { throw .unreadable }
    var reader = DERReader(bytes: content)
    while !reader.isAtEnd {
      guard names.count < Self.countMaximum else { throw .tooManyNames }
      guard let (tag, content) = reader.next() else { throw .unreadable }
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
    Self.append(tag: Self.sequence, content, to: &whole)
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

  private static let sequence: UInt8 = 0x30
  private static let dnsName: UInt8 = 0x82
  private static let uniformResourceIdentifier: UInt8 = 0x86
}

/// Takes tag, length and content off the front, DER only: definite and shortest lengths, one-byte tags.
private struct DERReader {
  private var rest: ArraySlice<UInt8>

  init(bytes: ArraySlice<UInt8>) { rest = bytes }

  var isAtEnd: Bool { rest.isEmpty }

  /// Nil when what follows is no DER element that fits.
  mutating func next() -> (tag: UInt8, content: ArraySlice<UInt8>)? {
    guard let tag = rest.popFirst(), tag & 0x1f != 0x1f, let first = rest.popFirst() else { return nil }
    var length = Int(first)
    if first >= 0x80 {
      let size = Int(first & 0x7f)
      guard (1...3).contains(size), rest.count >= size else { return nil }
      length = 0
      for _ in 0..<size { length = length << 8 | Int(rest.removeFirst()) }
      guard length >= 0x80, size == 1 || length >> (8 * (size - 1)) != 0 else { return nil }
    }
    guard length <= rest.count else { return nil }
    defer { rest = rest.dropFirst(length) }
    return (tag, rest.prefix(length))
  }
}
