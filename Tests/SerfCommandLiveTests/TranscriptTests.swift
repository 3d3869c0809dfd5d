import RPCTestSupport
import SerfClient
import Testing
import VectorSupport

/// The recorded runs of Go's command line, done again by ours against an agent that plays the recording.
@Suite("the recorded runs of Go's command line")
struct CommandTranscriptTests {
  private static let verbs: Set<String> = [
    "event", "force-leave", "info", "join", "keys", "leave", "members", "monitor", "query", "reachability", "rtt", "tags", "version",
  ]

  @Test("the same requests, the same success output, the same exit status; an error is one line on standard error")
  func runs() async throws {
    var count = (succeeded: 0, exactly: 0, failed: 0)
    for transcript in try Transcript.commandLine()
    where Self.verbs.contains(transcript.arguments[0]) && transcript.arguments[0] != "monitor" {
      // Go's connects before it looks at its words.
      guard transcript.name != "rtt-none" else { continue }
      // Ours asks first whether the member exists.
      guard transcript.arguments[0] != "force-leave" || transcript.sessions.isEmpty else { continue }
      // The verdict of one is on standard output although it fails: see below. With a bad format, ours does not connect at all.
      guard transcript.name != "reachability-missing", transcript.name != "query-badformat" else { continue }
      let (sent, result) = try await ScriptedAgent.run(transcript.sessions) { address in
        try await Executable.run(transcript.arguments, environment: environment(transcript, address))
      }
      #expect(Int(result.status) == transcript.exit, "\(transcript.name): \(result.errors)")
      // Ours refuses what is no key before it connects.
      let sessions = transcript.name == "keys-badb64" ? [] : transcript.sessions
      let expected = sessions.map { $0.filter(\.isFromClient).flatMap(\.bytes) }
      #expect(try sent.map(sortedObjects) == expected.map(sortedObjects), "\(transcript.name): requests")
      if transcript.exit == 0 {
        count.succeeded += 1
        if result.output == transcript.standardOutput { count.exactly += 1 }
        #expect(lines(result.output) == lines(transcript.standardOutput), "\(transcript.name)")
        #expect(result.errors == "", "\(transcript.name)")
      } else {
        count.failed += 1
        // What each member said is a result; the last line is the error.
        let isAsked = transcript.arguments[0] == "keys" && !sessions.isEmpty
        let results = isAsked ? lines(transcript.standardOutput).filter { !$0.hasPrefix("Error") } : []
        #expect(lines(result.output) == results, "\(transcript.name)")
        #expect(result.errors.hasPrefix("serf \(transcript.arguments[0]): ") && result.errors.hasSuffix("\n"), "\(transcript.name)")
        #expect(result.errors.filter(\.isNewline).count == 1, "\(transcript.name): \(result.errors)")
      }
    }
    #expect(count == (43, 33, 19))
  }

  @Test("monitor: log lines as they are, events in Go's syntax; an interrupt ends it with 0", arguments: ["monitor", "monitor-events"])
  func monitor(name: String) async throws {
    let transcript = try #require(try Transcript.commandLine().first { $0.name == name })
    // One recording is cut off in the middle of a line. Go prints the keys of a record in a random order.
    let kept = transcript.standardOutput.split(separator: "\n").prefix { !$0.hasPrefix("... elided") }
    let expected = transcript.standardOutput.contains("... elided") ? kept.dropLast() : kept
    let (sent, _) = try await ScriptedAgent.run(transcript.sessions) { address in
      let run = try Executable(transcript.arguments, environment: ["SERF_RPC_ADDR": address])
      let isComplete = await run.waits { output in
        let lines = Set(output.split(separator: "\n"))
        return expected.allSatisfy { lines.contains($0) }
      }
      #expect(isComplete, "\(run.standardOutput)")
      run.interrupt()
      #expect(await run.status() == 0)
      #expect(run.standardError == "")
      if expected == kept { #expect(run.standardOutput.split(separator: "\n").sorted() == expected.sorted()) }
    }
    let requests = try objects(transcript.sessions[0].filter(\.isFromClient).flatMap(\.bytes)).prefix(6)
    #expect(try objects(sent[0]).prefix(6) == requests)
  }

  @Test("reachability: members that do not answer are listed with what to check, and the exit status is 1")
  func reachability() async throws {
    let transcript = try #require(try Transcript.commandLine().first { $0.name == "reachability-missing" })
    try await ScriptedAgent.run(transcript.sessions) { address in
      let run = try await Executable.run(transcript.arguments, environment: ["SERF_RPC_ADDR": address])
      #expect(run.status == 1)
      // Of the list at the end, only the heading has the same words.
      let verdict = transcript.standardOutput.split(separator: "\n").prefix { !$0.hasPrefix("*") }
      #expect(run.output.split(separator: "\n").prefix(verdict.count) == verdict)
      #expect(run.errors == "serf reachability: 1 of 3 live members did not answer, 0 answered that count as not alive\n")
    }
  }

  @Test("monitor: a level that the agent does not know is one line, and 1")
  func monitorLevel() async throws {
    let transcript = try #require(try Transcript.commandLine().first { $0.name == "monitor-badlevel" })
    try await ScriptedAgent.run(transcript.sessions) { address in
      let run = try await Executable.run(transcript.arguments, environment: ["SERF_RPC_ADDR": address])
      #expect(run == (1, "", "serf monitor: monitoring failed: Unknown log level: FOO\n"))
    }
  }

  @Test("monitor: when the agent ends, so does it, with 1")
  func monitorEnd() async throws {
    var transcript = try #require(try Transcript.commandLine().first { $0.name == "monitor-events" })
    // Without the two stops and their answers.
    transcript.sessions[0].removeLast(4)
    try await ScriptedAgent.run(transcript.sessions, closesAtEnd: true) { [arguments = transcript.arguments] address in
      let run = try await Executable.run(arguments, environment: ["SERF_RPC_ADDR": address])
      #expect(run.status == 1)
      #expect(run.errors == "serf monitor: the agent has stopped, or closed this connection; its log says why\n")
    }
  }

  private func environment(_ transcript: Transcript, _ address: String) -> [String: String] {
    var environment = ["SERF_RPC_ADDR": address]
    let isKeyed = transcript.sessions.contains { $0.contains { $0.isFromClient && $0.bytes.contains(subsequence: "AuthKey") } }
    if transcript.name == "auth-ok-env" || transcript.arguments[0] == "keys" && isKeyed { environment["SERF_RPC_AUTH"] = "sekret" }
    return environment
  }

  /// Lines sorted, tags sorted within them: both orders are random in Go.
  private func lines(_ text: String) -> [String] {
    // The recordings name a directory that their agents ran in; it is shortened in the text, not in the bytes.
    text.split(separator: "\n").filter { !$0.contains("ev-$SERF_SELF_NAME") && !$0.hasPrefix("Query time: ") }.map { line in
      let columns = line.split(separator: " ").map { column in
        column.contains("=") ? column.split(separator: ",").sorted().joined(separator: ",") : String(column)
      }
      let joined = columns.joined(separator: " ")
      return joined.hasSuffix(",") ? String(joined.dropLast()) : joined
    }.sorted()
  }
}

extension [UInt8] {
  fileprivate func contains(subsequence text: String) -> Bool {
    indices.contains { self[$0...].starts(with: text.utf8) }
  }
}
