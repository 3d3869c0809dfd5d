/// What a keyring file contains: a JSON array of strings (RFC 8259).
///
/// Read here, so that the agent needs no Foundation for it.
package enum KeyringFile {
  /// The strings of the array, in their order. Nil if the file contains anything else. It may begin with a byte order mark.
  package static func strings(in bytes: UnsafeBufferPointer<UInt8>) -> [String]? {
    var reader = Reader(rest: bytes[...])
    return reader.array()
  }
}

private struct Reader {
  var rest: Slice<UnsafeBufferPointer<UInt8>>

  mutating func array() -> [String]? {
    if rest.starts(with: [0xef, 0xbb, 0xbf]) { rest = rest.dropFirst(3) }
    guard token("[") else { return nil }
    var strings: [String] = []
    if !token("]") {
      repeat {
        guard let string = string() else { return nil }
        strings.append(string)
      } while token(",")
      guard token("]") else { return nil }
    }
    skipSpace()
    return rest.isEmpty ? strings : nil
  }

  private mutating func string() -> String? {
    guard token("\"") else { return nil }
    var text: [UInt8] = []
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "\""): return String(validating: text, as: UTF8.self)
      case UInt8(ascii: "\\"):
        guard let scalar = escaped() else { return nil }
        text.append(contentsOf: Character(scalar).utf8)
      case ..<0x20: return nil
      default: text.append(byte)
      }
    }
    return nil
  }

  /// What stands behind a backslash.
  private mutating func escaped() -> Unicode.Scalar? {
    guard let byte = rest.popFirst() else { return nil }
    switch Unicode.Scalar(byte) {
    case "\"", "\\", "/": return Unicode.Scalar(byte)
    case "b": return "\u{8}"
    case "f": return "\u{c}"
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case "u": return scalar()
    default: return nil
    }
  }

  /// Four hexadecimal digits, or two times four for a pair of surrogates.
  private mutating func scalar() -> Unicode.Scalar? {
    guard let first = codeUnit() else { return nil }
    guard UTF16.isLeadSurrogate(first) else { return Unicode.Scalar(first) }
    guard take("\\"), take("u"), let second = codeUnit(), UTF16.isTrailSurrogate(second) else { return nil }
    return Unicode.Scalar(0x1_0000 + (UInt32(first) & 0x3ff) << 10 + UInt32(second) & 0x3ff)
  }

  private mutating func codeUnit() -> UInt16? {
    var unit: UInt16 = 0
    for _ in 0..<4 {
      guard let byte = rest.popFirst(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
      unit = unit << 4 | UInt16(digit)
    }
    return unit
  }

  /// Takes `token` if it is what comes next, with or without white space before it.
  private mutating func token(_ token: Unicode.Scalar) -> Bool {
    skipSpace()
    return take(token)
  }

  private mutating func take(_ token: Unicode.Scalar) -> Bool {
    guard let next = rest.first, Unicode.Scalar(next) == token else { return false }
    rest = rest.dropFirst()
    return true
  }

  private mutating func skipSpace() {
    rest = rest.drop { [UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r")].contains($0) }
  }
}
