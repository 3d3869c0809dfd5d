/// One flat JSON object on one line, its fields in the order in which they were added.
struct JSONLine: CustomStringConvertible {
  private var fields: [String] = []

  init(scenario: String, nodes: Int, profile: String) {
    self = adding("scenario", scenario).adding("nodes", nodes).adding("profile", profile).adding("impl", "swift-serf")
  }

  func adding(_ name: String, _ value: String) -> JSONLine { adding(name, raw: "\"\(value)\"") }
  func adding(_ name: String, _ value: Int) -> JSONLine { adding(name, raw: String(value)) }
  func adding(_ name: String, _ value: Bool) -> JSONLine { adding(name, raw: String(value)) }
  func adding(_ name: String, _ value: Double) -> JSONLine { adding(name, raw: String((value * 1e6).rounded() / 1e6)) }

  var description: String { "{" + fields.joined(separator: ",") + "}" }

  private func adding(_ name: String, raw: String) -> JSONLine {
    var copy = self
    copy.fields.append("\"\(name)\":\(raw)")
    return copy
  }
}
