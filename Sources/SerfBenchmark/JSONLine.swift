/// One flat JSON object on one line, its fields in the order in which they were added.
package struct JSONLine: CustomStringConvertible {
  private var fields: [String] = []

  package init() {}

  package func adding(_ name: String, _ value: String) -> JSONLine { adding(name, raw: Self.quoted(value)) }
  package func adding(_ name: String, _ value: Int) -> JSONLine { adding(name, raw: String(value)) }
  package func adding(_ name: String, _ value: Bool) -> JSONLine { adding(name, raw: String(value)) }
  package func adding(_ name: String, _ value: Double) -> JSONLine { adding(name, raw: String((value * 1e6).rounded() / 1e6)) }

  /// Prints the line as soon as it is known, also into a pipe.
  func emit() {
    print(self)
    ProcessUsage.flush()
  }

  package var description: String { "{" + fields.joined(separator: ",") + "}" }

  private func adding(_ name: String, raw: String) -> JSONLine {
    var copy = self
    copy.fields.append("\"\(name)\":\(raw)")
    return copy
  }

  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": quoted += "\\\(scalar)"
      case "\u{0}"..<" ": quoted += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
