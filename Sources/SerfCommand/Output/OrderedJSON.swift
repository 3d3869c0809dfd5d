import SerfPrimitives

/// A JSON document whose keys keep their order, written the way Go's `json.MarshalIndent` does (`agent.md` section 6).
///
/// It indents by two spaces and escapes `<`, `>` and `&` as Go does, so that scripts written for Go Serf read the same bytes. Other control and
/// direction-changing characters, which Go leaves alone, are escaped too (`secure-transport.md` 3.4); a parser sees the same text.
package indirect enum OrderedJSON {
  case null
  case bool(Bool)
  case number(Int)
  case string(String)
  case array([OrderedJSON])
  case object([(key: String, value: OrderedJSON)])

  /// A map with its keys in byte order, as Go writes maps.
  package static func map(_ entries: [String: String]) -> OrderedJSON {
    .object(entries.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
  }

  /// The document, without a newline at the end.
  package var text: String {
    var text = ""
    write(to: &text, indent: "\n")
    return text
  }

  private func write(to text: inout String, indent: String) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .number(let value): text += String(value)
    case .string(let value): Self.quote(value, to: &text)
    case .array(let elements):
      Self.bracket("[", "]", elements, to: &text, indent: indent) { $0.write(to: &$1, indent: $2) }
    case .object(let members):
      Self.bracket("{", "}", members, to: &text, indent: indent) {
        Self.quote($0.key, to: &$1)
        $1 += ": "
        $0.value.write(to: &$1, indent: $2)
      }
    }
  }

  private static func bracket<Element>(
    _ open: String, _ close: String, _ elements: [Element], to text: inout String, indent: String,
    write: (Element, inout String, String) -> Void
  ) {
    text += open
    for (index, element) in elements.enumerated() {
      text += (index > 0 ? "," : "") + indent + "  "
      write(element, &text, indent + "  ")
    }
    text += (elements.isEmpty ? "" : indent) + close
  }

  private static func quote(_ string: String, to text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "<", ">", "&": text += codePoint(scalar)
      case _ where scalar.isHarmful: text += codePoint(scalar)
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }

  /// All scalars that come here are below U+10000.
  private static func codePoint(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16)
    return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
  }
}
