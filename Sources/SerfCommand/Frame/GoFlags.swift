import ArgumentParser

/// Rewrites Go's flag style into the argument parser's (`agent.md` section 5).
///
/// In Go's style `-x` and `--x` are one flag. Its value follows as `-x=v` or `-x v`, and a switch takes a value only as `-x=bool`. The first word
/// that is no flag, or `--`, ends the flags. The result has `--x=v` for values, `--x` for switches, and `--` before the words.
package enum GoFlags {
  /// The command line is malformed, whatever its meaning is.
  package struct Misuse: Error, Equatable {
    package let message: String
  }

  /// Whether `argument` asks for help.
  static func isHelp(_ argument: String) -> Bool { argument == "-h" || argument == "-help" || argument == "--help" }

  static func normalise(_ arguments: [String], for command: any ParsableCommand.Type) throws(Misuse) -> [String] {
    let (switches, booleans) = flagsWithoutValue(of: command)
    return try normalise(
      arguments, switches: switches, booleans: booleans, anywhere: command is any FlagsAnywhere.Type,
      freeWords: command is any FreeWords.Type)
  }

  /// - Parameters:
  ///   - switches: flags that the parser knows as present or absent.
  ///   - booleans: flags that the parser knows as `--x=true` or `--x=false`.
  ///   - anywhere: words do not end the flags.
  ///   - freeWords: a word after the first may begin with a dash. Without this, such a word is a flag in the wrong place, which Go takes for a word.
  package static func normalise(
    _ arguments: [String], switches: Set<String>, booleans: Set<String>, anywhere: Bool = false, freeWords: Bool = false
  ) throws(Misuse) -> [String] {
    var flags: [String] = []
    var words: [String] = []
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      guard argument.hasPrefix("-"), argument != "-" else {
        words.append(argument)
        if anywhere { continue }
        if !freeWords, let flag = rest.first(where: { $0.hasPrefix("-") && $0 != "-" }) {
          // Without its value, which may be a key.
          let name = printable(String(flag.prefix { $0 != "=" }))
          throw Misuse(message: "\(name) stands behind \(printable(argument)), and options come before the words")
        }
        return flags + ["--"] + words + rest
      }
      guard argument != "--" else { return flags + ["--"] + words + rest }
      let body = argument.dropFirst(argument.hasPrefix("--") ? 2 : 1)
      let equals = body.firstIndex(of: "=")
      let name = String(body[..<(equals ?? body.endIndex)])
      let value = equals.map { String(body[body.index(after: $0)...]) }
      guard !name.isEmpty, !name.hasPrefix("-") else { throw Misuse(message: "bad flag \(printable(argument))") }
      if switches.contains(name) || booleans.contains(name) {
        guard let isOn = boolean(value ?? "true") else {
          throw Misuse(message: "-\(name) is true or false, not \(printable(value ?? ""))")
        }
        if booleans.contains(name) {
          flags.append("--\(name)=\(isOn)")
        } else if isOn {
          flags.append("--\(name)")
        }
      } else if let value {
        flags.append("--\(name)=\(value)")
      } else if let next = rest.popFirst() {
        flags.append("--\(name)=\(next)")
      } else {
        // Left to the parser, which knows whether the flag exists at all.
        flags.append("--\(name)")
      }
    }
    return words.isEmpty ? flags : flags + ["--"] + words
  }

  /// The spellings that Go's `strconv.ParseBool` takes.
  private static func boolean(_ text: String) -> Bool? {
    switch text {
    case "1", "t", "T", "true", "TRUE", "True": true
    case "0", "f", "F", "false", "FALSE", "False": false
    default: nil
    }
  }

  /// They are read from the command's property wrappers, so that no verb has to list its switches a second time.
  private static func flagsWithoutValue(of command: any ParsableCommand.Type) -> (switches: Set<String>, booleans: Set<String>) {
    var switches: Set<String> = []
    var booleans: Set<String> = []
    for child in Mirror(reflecting: command.init()).children {
      guard let label = child.label else { continue }
      if child.value is Flag<Bool> { switches.insert(kebab(label)) }
      if child.value is Option<Bool> { booleans.insert(kebab(label)) }
    }
    return (switches, booleans)
  }

  /// `_tlsKeyInsecure` → `tls-key-insecure`.
  private static func kebab(_ label: String) -> String {
    label.drop { $0 == "_" }.reduce(into: "") { $0 += $1.isUppercase ? "-" + $1.lowercased() : String($1) }
  }

  /// The parser's message on one line, with its options in Go's style. What the user wrote stays as it is.
  package static func oneLine(_ text: String) -> String {
    var line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
    for word in ["option", "for", "mean"] { line = line.replacing("\(word) '--", with: "\(word) '-") }
    return line.hasSuffix(".") ? String(line.dropLast()) : line
  }
}

/// A command whose flags may also follow its words, as `serf certs node n1 -out DIR`: for verbs that Go Serf does not have.
protocol FlagsAnywhere: ParsableCommand {}

/// A command whose words may begin with a dash, as an event's payload, or what stands behind a misspelt command.
protocol FreeWords: ParsableCommand {}
