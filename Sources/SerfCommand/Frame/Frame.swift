import ArgumentParser
import SerfAgent
import SerfPrimitives

/// What happens between the shell and a verb: the choice of the verb, help, version, and the exit status (`agent.md` section 5).
///
/// Exit statuses are Go Serf's: 0 for success and for requested help, 127 when no known verb was named, 1 for everything else that went wrong. Unlike
/// there, an error is one line on standard error, so that standard output has only results.
package enum Frame {
  /// Every verb, in the order of the listing.
  static let verbs: [any ParsableCommand.Type] = [
    AgentCommand.self, CertsCommand.self, EventCommand.self, ForceLeaveCommand.self, InfoCommand.self, JoinCommand.self,
    KeygenCommand.self, KeysCommand.self, LeaveCommand.self, MembersCommand.self, MonitorCommand.self, QueryCommand.self,
    ReachabilityCommand.self, RTTCommand.self, TagsCommand.self, VersionCommand.self,
  ]

  /// What a command line has come to without a task.
  enum Start {
    /// All is done, with this exit status.
    case ended(Int32)
    /// The verb waits for others, so it needs a task.
    case asynchronous(any AsyncParsableCommand)
  }

  /// Runs the command line `arguments` (without the program's name) and returns the exit status.
  package static func run(_ arguments: [String]) async -> Int32 {
    switch start(arguments) {
    case .ended(let status): status
    case .asynchronous(let verb): await run(verb)
    }
  }

  /// Runs the command line as far as that needs no task. Starting threads for a task takes longer than most verbs that need none.
  static func start(_ arguments: [String]) -> sending Start {
    let ours = arguments.prefix { $0 != "--" }
    guard !ours.contains("-v"), !ours.contains("--version") else {
      Terminal.output(VersionCommand.text)
      return .ended(0)
    }
    let wantsHelp = ours.contains(where: GoFlags.isHelp)
    let flagsInFront = ours.prefix { $0.hasPrefix("-") && !GoFlags.isHelp($0) }
    guard let position = ours.firstIndex(where: { !$0.hasPrefix("-") }), let verb = verb(named: ours[position]) else {
      return .ended(
        listing(explaining: ours.first { !GoFlags.isHelp($0) && !$0.isEmpty }, wasAskedFor: wantsHelp && ours.allSatisfy(GoFlags.isHelp)))
    }
    let (command, rest) = descend(verb, Array(arguments[(position + 1)...]))
    if wantsHelp {
      Terminal.problem(command.helpMessage(columns: 100))
      Terminal.problem("Flags may have one dash or two; a value follows as -flag=value or -flag value.")
      return .ended(0)
    }
    if let flag = flagsInFront.first {
      let name = arguments[position]
      Terminal.problem("serf: the flag \(printable(flag)) stands before the command; write it after: serf \(name) \(printable(flag))")
      return .ended(1)
    }
    return start(command, rest)
  }

  private static func start(_ command: any ParsableCommand.Type, _ arguments: [String]) -> sending Start {
    do {
      // It has no flags and ignores words, so there is nothing to parse.
      if command is VersionCommand.Type {
        VersionCommand().run()
        return .ended(0)
      }
      var parsed = try command.parseAsRoot(GoFlags.normalise(arguments, for: command))
      if let verb = parsed as? any AsyncParsableCommand { return .asynchronous(verb) }
      try parsed.run()
      return .ended(0)
    } catch {
      return .ended(report(error, of: command))
    }
  }

  /// Runs a verb that has been parsed and returns the exit status.
  static func run(_ verb: any AsyncParsableCommand) async -> Int32 {
    var verb = verb
    do {
      try await verb.run()
      return 0
    } catch {
      return report(error, of: type(of: verb))
    }
  }

  /// Prints why a verb ended and returns the exit status.
  private static func report(_ error: any Error, of command: any ParsableCommand.Type) -> Int32 {
    let title = command.title
    switch error {
    case let failure as CommandFailure:
      Terminal.problem("\(title): \(harmless(failure.message))")
      return failure.status
    case let usage as GoFlags.Misuse:
      Terminal.problem("\(title): \(usage.message); see \(title) -h")
      return 1
    case let status as ExitCode:
      return status.rawValue
    default:
      let text = command.message(for: error)
      guard command.exitCode(for: error) != .success else {
        Terminal.output(text)
        return 0
      }
      Terminal.problem("\(title): \(harmless(GoFlags.oneLine(text))); see \(title) -h")
      return 1
    }
  }

  private static func verb(named name: String) -> (any ParsableCommand.Type)? {
    verbs.first { $0.verbName == name }
  }

  /// Follows names of subcommands (`certs ca`) to the command that is meant.
  private static func descend(_ verb: any ParsableCommand.Type, _ arguments: [String]) -> (any ParsableCommand.Type, [String]) {
    guard let name = arguments.first, let child = verb.configuration.subcommands.first(where: { $0.verbName == name }) else {
      return (verb, arguments)
    }
    return descend(child, Array(arguments.dropFirst()))
  }

  private static func listing(explaining word: String?, wasAskedFor: Bool) -> Int32 {
    if let word, word != "help", !wasAskedFor {
      Terminal.problem("serf: there is no command \(printable(word)); 'serf -h' lists the commands")
    } else {
      Terminal.problem(Self.listing)
    }
    return wasAskedFor ? 0 : 127
  }

  /// The list of verbs, laid out as Go Serf does.
  static var listing: String {
    let lines = verbs.map { "    " + $0.verbName.padded(to: 12) + "    " + $0.configuration.abstract }
    return "Usage: serf [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n" + lines.joined(separator: "\n") + "\n"
  }
}

extension ParsableCommand {
  /// What the user types for this command: `force-leave`, or the last word of a nested one.
  static var verbName: String { configuration.commandName ?? _commandName }

  /// How messages name this command: the part of its usage line before the options.
  fileprivate static var title: String {
    let usage = configuration.usage ?? "serf " + verbName
    let words = usage.split(separator: " ").prefix { !$0.hasPrefix("[") && !$0.hasPrefix("<") && !$0.hasPrefix("-") }
    return words.isEmpty ? "serf " + verbName : words.joined(separator: " ")
  }
}

/// A runtime error of a verb: one line that names the cause and the next step.
package struct CommandFailure: Error {
  /// The line, without the verb's name in front, and with flags in place of the settings that the library names.
  package var message: String
  /// The exit status.
  package var status: Int32 = 1

  package init(_ message: String, status: Int32 = 1) {
    self.message = flagged(message)
    self.status = status
  }
}
