import ArgumentParser
import SerfAgent
import SerfClient
import SerfPrimitives
import UnixSignals

/// `serf monitor`: the agent's log and events, as they happen.
struct MonitorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "monitor", abstract: "Stream logs from a Serf agent", usage: "serf monitor [options]",
    discussion: "Runs until interrupted.")

  @Option(help: "The lowest level to show: TRACE, DEBUG, INFO, WARN or ERR.") var logLevel = "INFO"
  @OptionGroup var rpc: RPCOptions

  func run() async throws {
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
    // If the terminal does not read, lines wait in the console, so that a signal still ends the command.
    let console = Console(write: Terminal.write)
    defer { console.flush() }
    let hasAgentStopped = try await rpc.withClient("monitoring") { client in
      let events = try await client.events()
      let lines = try await client.monitor(level: logLevel)
      // When the group ends, the readers are cancelled, and that sends the agent a `stop` for each stream.
      let end = await withTaskGroup(of: (any Error)?.self) { group in
        group.addTask { await Self.print(events, on: console) { GoSyntax.eventInfo($0) } }
        group.addTask { await Self.print(lines, on: console) { harmless($0) } }
        group.addTask {
          for await _ in signals { break }
          return nil
        }
        defer { group.cancelAll() }
        return await group.next() ?? nil
      }
      guard let end else { return false }
      guard case SerfRPCError.closed = end else { throw end }
      return true
    }
    if hasAgentStopped { throw CommandFailure("the agent has stopped, or closed this connection; its log says why") }
  }

  /// Prints each record until the stream ends; the reason, or nil if it was cancelled.
  private static func print<Element: Sendable>(
    _ records: RPCStream<Element>, on console: Console, _ text: @Sendable (Element) -> String
  ) async -> (any Error)? {
    do {
      var told = 0
      for try await record in records {
        // Events that the agent could not send are reported by a record of their own.
        let lost = records.dropped - told
        if lost > 0 { console.line("(\(lost) records were lost because the output was too slow)") }
        told += lost
        console.line(text(record))
      }
      return nil
    } catch {
      return error
    }
  }
}
