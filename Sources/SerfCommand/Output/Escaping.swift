import SerfPrimitives

/// An error text of the agent on one line. Go's have several, and ours have escaped already what a peer wrote.
func oneLine(_ text: String) -> String {
  harmless(
    text.split(whereSeparator: \.isNewline).map { $0.drop { $0 == "\t" || $0 == " " } }.filter { !$0.isEmpty }.joined(separator: " "))
}

/// Text that a peer or the user supplied, unmistakable in a message: quoted and escaped.
func printable(_ text: String) -> String { "'" + escaped(text) + "'" }
