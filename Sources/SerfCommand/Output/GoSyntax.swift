package import SerfClient
import SerfPrimitives

/// Prints event records as Go Serf's `monitor` does, with Go's `%#v` (`agent.md` section 6). Keys of a record come in the order below; in Go the
/// order is random.
package enum GoSyntax {
  package static func eventInfo(_ event: AgentEvent) -> String {
    let fields: [(String, String)]
    switch event {
    case .members(let type, let members):
      fields = [("Event", quoted(type)), ("Members", "[]interface {}{" + members.map(member).joined(separator: ", ") + "}")]
    case .user(let event):
      fields = [
        ("Event", quoted("user")), ("Name", quoted(event.nameBytes)), ("Payload", bytes(event.payload, type: "[]byte")),
        ("LTime", integer(event.time)), ("Coalesce", "\(event.coalesce)"),
      ]
    case .query(let query):
      fields = [
        ("Event", quoted("query")), ("ID", integer(query.id)), ("Name", quoted(query.nameBytes)),
        ("Payload", bytes(query.payload, type: "[]byte")), ("LTime", integer(query.time)),
      ]
    case .dropped(let count): fields = [("Event", quoted("dropped")), ("Count", integer(UInt64(count)))]
    }
    return "Event Info:" + fields.map { "\n\t\($0): \($1)" }.joined()
  }

  private static func member(_ member: AgentMember) -> String {
    let tags = member.tags.sorted { $0.key < $1.key }.map { quoted($0.key) + ":" + quoted($0.value) }
    let fields: [(String, String)] = [
      ("Addr", bytes(member.address?.bytes, type: "[]uint8")),
      ("DelegateCur", integer(UInt64(member.serfVersion.current))),
      ("DelegateMax", integer(UInt64(member.serfVersion.maximum))),
      ("DelegateMin", integer(UInt64(member.serfVersion.minimum))),
      ("Name", quoted(member.name.bytes)),
      ("Port", integer(UInt64(member.address?.port ?? 0))),
      ("ProtocolCur", integer(UInt64(member.memberlistVersion.current))),
      ("ProtocolMax", integer(UInt64(member.memberlistVersion.maximum))),
      ("ProtocolMin", integer(UInt64(member.memberlistVersion.minimum))),
      ("Status", quoted(member.status)),
      ("Tags", "map[interface {}]interface {}{" + tags.joined(separator: ", ") + "}"),
    ]
    return "map[interface {}]interface {}{" + fields.map { quoted($0) + ":" + $1 }.joined(separator: ", ") + "}"
  }

  /// Go's decoder makes a small number a signed integer, which prints as decimal, and a larger one unsigned, which prints as hexadecimal.
  private static func integer(_ value: UInt64) -> String {
    value < 0x80 ? String(value) : "0x" + String(value, radix: 16)
  }

  private static func bytes(_ bytes: [UInt8]?, type: String) -> String {
    guard let bytes else { return "<nil>" }
    return type + "{" + bytes.map { "0x" + String($0, radix: 16) }.joined(separator: ", ") + "}"
  }

  /// The same for text in which bytes that are not UTF-8 have become `\xNN`: it gives what the original bytes would give.
  package static func quoted(_ text: String) -> String {
    var literal = "\""
    for index in text.unicodeScalars.indices {
      let scalar = text.unicodeScalars[index]
      let rest = text.utf8[text.utf8.index(after: index)...]
      literal += scalar == "\\" && isEscapedByte(rest) ? "\\" : Self.literal(scalar)
    }
    return literal + "\""
  }

  /// A Go string literal: escapes of one letter, `\xNN` for other control and invalid bytes, `\uNNNN` for characters that do not print.
  package static func quoted(_ bytes: [UInt8]) -> String {
    var text = "\""
    var rest = bytes[...]
    while let first = rest.first {
      let length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
      guard let character = String(validating: rest.prefix(length), as: UTF8.self), character.unicodeScalars.count == 1,
        let scalar = character.unicodeScalars.first
      else {
        text += "\\x" + hexadecimal(first, digits: 2)
        rest = rest.dropFirst()
        continue
      }
      text += literal(scalar)
      rest = rest.dropFirst(length)
    }
    return text + "\""
  }

  private static func literal(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\"": "\\\""
    case "\\": "\\\\"
    case "\u{07}": "\\a"
    case "\u{08}": "\\b"
    case "\u{0c}": "\\f"
    case "\n": "\\n"
    case "\r": "\\r"
    case "\t": "\\t"
    case "\u{0b}": "\\v"
    case "\0"..<" ", "\u{7f}": "\\x" + hexadecimal(UInt8(scalar.value), digits: 2)
    case _ where scalar.isHarmful: "\\u" + hexadecimal(scalar.value, digits: 4)
    default: String(scalar)
    }
  }

  private static func hexadecimal<Value: UnsignedInteger & FixedWidthInteger>(_ value: Value, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}
