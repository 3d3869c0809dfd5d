import SerfPrimitives

/// Text that a peer chose, as one line that is safe to print (`secure-transport.md` 3.4).
func escapedText(_ text: String) -> String { escaped(Array(text.utf8)) }

/// The same for what may have several lines, such as a log record.
func escapedLines(_ text: String) -> String {
  // Tabs and backslashes are common in logs and harmless, so only lines that hold something else are rewritten.
  text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
    line.unicodeScalars.allSatisfy { isHarmless($0) } ? String(line) : escapedText(String(line))
  }.joined(separator: "\n")
}

/// An error text of the agent on one line.
func oneLine(_ text: String) -> String {
  escapedText(
    text.split(whereSeparator: \.isNewline).map { $0.drop { $0 == "\t" || $0 == " " } }.filter { !$0.isEmpty }.joined(separator: " "))
}

/// Text that a peer or the user supplied, unmistakable in a message: quoted and escaped.
func printable(_ text: String) -> String { "'" + escapedText(text) + "'" }

private func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar {
  case "\t": true
  case "\0"..<" ", "\u{7f}"..."\u{9f}", "\u{2028}"..."\u{202e}", "\u{2066}"..."\u{2069}": false
  default: true
  }
}
