import ArgumentParser

/// `serf version`.
struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "version", abstract: "Prints the Serf version", usage: "serf version")

  /// Our own version, then the range of the Serf protocol.
  static let text = "0.1.0\nAgent Protocol: 5 (Understands back to: 2)"

  func run() { Terminal.output(Self.text) }
}
