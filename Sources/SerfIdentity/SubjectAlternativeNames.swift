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

  /// Reads a certificate's names, in time linear in its size; none when it has no such extension.
  package init(certificate der: [UInt8]) throws(VerificationFailure) {
    // Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { …, extensions [3] SEQUENCE OF Extension }, … }
    var whole = DERReader(bytes: der[...])
    var certificate = DERReader(bytes: try whole.content(of: Self.sequence))
    var body = DERReader(bytes: try certificate.content(of: Self.sequence))
    var value: ArraySlice<UInt8>?
    while !body.isAtEnd {
      let (tag, content) = try body.next()
      guard tag == Self.extensions else { continue }
      var outer = DERReader(bytes: content)
      var list = DERReader(bytes: try outer.content(of: Self.sequence))
      while !list.isAtEnd {
        var fields = DERReader(bytes: try list.content(of: Self.sequence))
        guard try fields.content(of: Self.objectIdentifier).elementsEqual(Self.identifier) else { continue }
        // A second list of names could hide a second identity.
        guard value == nil else { throw .unreadable }
        var field = try fields.next()
        if field.tag == Self.boolean { field = try fields.next() }  // critical
        guard field.tag == Self.octetString else { throw .unreadable }
        value = field.content
      }
    }
    if let value { try self.init(value: value) } else { self.init([]) }
  }

  /// Reads the extension's value. Stops with ``VerificationFailure/tooManyNames`` at the first name beyond ``countMaximum``.
  package init(value: ArraySlice<UInt8>) throws(VerificationFailure) {
    names = []
    var outer = DERReader(bytes: value)
    var reader = DERReader(bytes: try outer.content(of: Self.sequence))
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

  /// id-ce-subjectAltName, 2.5.29.17.
  private static let identifier: [UInt8] = [0x55, 0x1d, 0x11]
  private static let boolean: UInt8 = 0x01
  private static let octetString: UInt8 = 0x04
  private static let objectIdentifier: UInt8 = 0x06
  private static let sequence: UInt8 = 0x30
  private static let extensions: UInt8 = 0xa3
  private static let dnsName: UInt8 = 0x82
  private static let uniformResourceIdentifier: UInt8 = 0x86
}

/// Takes tag, length and content off the front, DER only: definite and shortest lengths, one-byte tags.
private struct DERReader {
  private var rest: ArraySlice<UInt8>

  init(bytes: ArraySlice<UInt8>) { rest = bytes }

  var isAtEnd: Bool { rest.isEmpty }

  /// The next element; fails when what follows is no DER element that fits.
  mutating func next() throws(VerificationFailure) -> (tag: UInt8, content: ArraySlice<UInt8>) {
    guard let tag = rest.popFirst(), tag & 0x1f != 0x1f, let first = rest.popFirst() else { throw .unreadable }
    var length = Int(first)
    if first >= 0x80 {
      let size = Int(first & 0x7f)
      guard (1...3).contains(size), rest.count >= size else { throw .unreadable }
      length = 0
      for _ in 0..<size { length = length << 8 | Int(rest.removeFirst()) }
      guard length >= 0x80, size == 1 || length >> (8 * (size - 1)) != 0 else { throw .unreadable }
    }
    guard length <= rest.count else { throw .unreadable }
    defer { rest = rest.dropFirst(length) }
    return (tag, rest.prefix(length))
  }

  /// The content of the next element, which must have this tag.
  mutating func content(of expected: UInt8) throws(VerificationFailure) -> ArraySlice<UInt8> {
    let (tag, content) = try next()
    guard tag == expected else { throw .unreadable }
    return content
  }
}
