import SerfPrimitives

/// An error text of the agent on one line. Go's texts may have several lines. In our own texts, what a peer wrote is escaped already.
func oneLine(_ text: String) -> String {
  harmless(
    text.split(whereSeparator: \.isNewline).map { $0.drop { $0 == "\t" || $0 == " " } }.filter { !$0.isEmpty }.joined(separator: " "))
}

/// Text that a peer or the user supplied, easy to recognise in a message: quoted and escaped.
func printable(_ text: String) -> String { "'" + escaped(text) + "'" }
