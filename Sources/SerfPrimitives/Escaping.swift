// What peers wrote, made safe to print (`secure-transport.md` 3.4). All of it is escaped once, by one of these:
//
// * bytes of a peer: `escaped(_ bytes:)`;
// * bytes that have to become a `String` first: `readableText(of:)`, and `escaped(_ text:)` when it is printed;
// * a message that contains such parts, escaped already or not: `harmless(_:)`. It changes nothing that is safe, so it may be applied twice.

/// Bytes from a peer, safe to print: printable UTF-8 stays, control characters, backslash and broken sequences become `\u{..}` or `\xNN`.
package func escaped(_ bytes: [UInt8]) -> String { rewritten(bytes, escapesControls: true, backslash: .escaped) }

/// The bytes whose ``escaped(_:)-([UInt8])`` is `text`. A text that it never writes gives its UTF-8 bytes, with the escapes in it read as such.
package func unescaped(_ text: String) -> [UInt8] {
  var rest = Array(text.utf8)[...]
  guard rest.contains(UInt8(ascii: "\\")) else { return Array(rest) }
  var bytes: [UInt8] = []
  bytes.reserveCapacity(rest.count)
  while let first = rest.popFirst() {
    guard first == UInt8(ascii: "\\"), let escape = rest.first else {
      bytes.append(first)
      continue
    }
    if escape == UInt8(ascii: "\\") {
      bytes.append(first)
      rest.removeFirst()
    } else if isEscapedByte(rest), let byte = UInt8(String(decoding: rest.dropFirst().prefix(2), as: UTF8.self), radix: 16) {
      bytes.append(byte)
      rest.removeFirst(3)
    } else if let scalar = escapedScalar(rest) {
      bytes.append(contentsOf: String(scalar).utf8)
      rest.removeFirst(scalarEscape(scalar).utf8.count - 1)
    } else {
      bytes.append(first)
    }
  }
  return bytes
}

/// The harmful scalar whose escape continues with these bytes after its backslash: `u{1b}`.
private func escapedScalar(_ rest: ArraySlice<UInt8>) -> Unicode.Scalar? {
  guard rest.starts(with: "u{".utf8) else { return nil }
  let digits = rest.dropFirst(2).prefix(6).prefix { $0 != UInt8(ascii: "}") }
  guard let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16), let scalar = Unicode.Scalar(value), scalar.isHarmful,
    // Only the very form that is written: no capitals, signs or leading zeros.
    rest.starts(with: scalarEscape(scalar).utf8.dropFirst())
  else { return nil }
  return scalar
}

private func scalarEscape(_ scalar: Unicode.Scalar) -> String { "\\u{" + String(scalar.value, radix: 16) + "}" }

/// A peer's bytes as text: UTF-8 stays as it is, and each byte that is not UTF-8 becomes `\xNN`, so that different bytes stay different text.
package func readableText(of bytes: [UInt8]) -> String {
  String(validating: bytes, as: UTF8.self) ?? rewritten(bytes, escapesControls: false, backslash: .kept)
}

/// Text from a peer, safe to print. What ``readableText(of:)`` had to write as `\xNN` stays so.
package func escaped(_ text: String) -> String { rewritten(Array(text.utf8), escapesControls: true, backslash: .escapedUnlessByte) }

/// A message that stays on one line: control characters become `\u{..}`, everything else stays.
package func harmless(_ message: String) -> String {
  // Most messages are harmless as they are.
  guard message.utf8.contains(where: { !(0x20..<0x7f).contains($0) }) else { return message }
  return rewritten(Array(message.utf8), escapesControls: true, backslash: .kept)
}

extension Unicode.Scalar {
  /// Whether it ends a line, steers a terminal, or changes the direction of what follows: C0 and C1 controls, delete, the separators of
  /// lines and paragraphs, and the marks, embeddings, overrides and isolates of bidirectional text.
  package var isHarmful: Bool {
    switch value {
    case 0..<0x20, 0x7f...0x9f, 0x61c, 0x200e...0x200f, 0x2028...0x202e, 0x2066...0x2069: true
    default: false
    }
  }
}

/// Whether these bytes, which follow a backslash, make it one that ``readableText(of:)`` wrote: `xNN` with `NN` from 80 up.
package func isEscapedByte(_ rest: some Sequence<UInt8>) -> Bool {
  var bytes = rest.makeIterator()
  guard bytes.next() == UInt8(ascii: "x"), let high = bytes.next(), let low = bytes.next() else { return false }
  func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte) }
  func isDigit(_ byte: UInt8, from first: UInt8) -> Bool { (first...UInt8(ascii: "9")).contains(byte) }
  return (isDigit(high, from: UInt8(ascii: "8")) || isLetter(high)) && (isDigit(low, from: UInt8(ascii: "0")) || isLetter(low))
}

private enum Backslash {
  case kept, escaped, escapedUnlessByte
}

private func rewritten(_ bytes: [UInt8], escapesControls: Bool, backslash: Backslash) -> String {
  var text = ""
  var rest = bytes[...]
  while let first = rest.first {
    let length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
    guard let character = String(validating: rest.prefix(length), as: UTF8.self), let scalar = character.unicodeScalars.first,
      character.unicodeScalars.count == 1
    else {
      text += "\\x" + (first < 16 ? "0" : "") + String(first, radix: 16)
      rest = rest.dropFirst()
      continue
    }
    rest = rest.dropFirst(length)
    if scalar == "\\" {
      text += backslash == .kept || (backslash == .escapedUnlessByte && isEscapedByte(rest)) ? "\\" : "\\\\"
    } else if escapesControls, scalar.isHarmful {
      text += scalarEscape(scalar)
    } else {
      text += character
    }
  }
  return text
}
