import RPCTestSupport
import SerfAgent
import SerfPrimitives
import Testing

/// The built program: exit statuses and streams of `agent.md` section 5.
@Suite("command line frame")
struct FrameTests {
  @Test(
    "no verb, an unknown one or 'help' end with 127",
    arguments: [[], ["help"], ["nope"], ["-version"], ["nope", "-h"], ["--", "members"], ["help", "members"]] as [[String]])
  func unknown(arguments: [String]) async throws {
    let run = try await Executable.run(arguments)
    #expect(run.status == 127 && run.output == "" && !run.errors.isEmpty)
  }

  @Test("requested help ends with 0 and is on standard error", arguments: [["-h"], ["--help"], ["-help"]])
  func listing(arguments: [String]) async throws {
    let run = try await Executable.run(arguments)
    #expect(run.status == 0 && run.output == "")
    #expect(
      run.errors.hasPrefix(
        "Usage: serf [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n    agent           Runs a Serf agent\n"))
  }

  @Test(
    "every verb has help",
    arguments: [
      "agent", "event", "force-leave", "info", "join", "keys", "leave", "members", "monitor", "query", "reachability", "rtt", "tags",
      "version",
    ])
  func help(verb: String) async throws {
    let run = try await Executable.run([verb, "-h"])
    #expect(run.status == 0 && run.output == "" && run.errors.contains("USAGE: serf \(verb)"))
    let before = try await Executable.run(["--help", verb])
    #expect(before == run)
  }

  @Test("each setting that the library names is a flag of the agent, or of serf query")
  func flags() async throws {
    let agent = try await Executable.run(["agent", "-h"]).errors
    let query = try await Executable.run(["query", "-h"]).errors
    for setting in SettingName.allCases {
      let help = setting == .queryTimeout ? query : agent
      for flag in setting.flag.split(separator: " or ") {
        #expect(help.contains("  -\(flag) "), "\(flag)")
      }
    }
  }

  @Test(
    "errors of certs name flags",
    arguments: [
      (["check", "-tls-key=/etc/passwd"], "or accept it with -tls-key-insecure"),
      (["check", "-tls-key=/etc/passwd", "-tls-key-insecure"], "'-----BEGIN PRIVATE KEY-----' (-tls-key)"),
      (["check", "-tls-ca=/etc/passwd"], "'-----BEGIN CERTIFICATE-----' (-tls-ca)"),
      (["ca", "-out=/proc/none/here"], "choose another directory"),
    ] as [([String], String)])
  func certs(arguments: [String], words: String) async throws {
    let run = try await Executable.run(["certs"] + arguments)
    #expect(run.status == 1 && run.errors.contains(words), "\(run.errors)")
  }

  @Test("a file that exists is replaced only with the flag that the error names")
  func existing() async throws {
    let cluster = try await AgentCluster()
    let run = try await Executable.run(["certs", "ca", "-out", cluster.directory])
    #expect(run.status == 1 && run.errors.contains("choose another -out, or replace it with -force"), "\(run.errors)")
    try await cluster.issue("ca", "-force")
  }

  @Test(
    "the version, wherever it is asked for",
    arguments: [["version"], ["-v"], ["--version"], ["members", "-v"], ["version", "--foo", "x"]])
  func version(arguments: [String]) async throws {
    let run = try await Executable.run(arguments)
    #expect(run == (0, "0.1.0\nAgent Protocol: 5 (Understands back to: 2)\n", ""))
  }

  @Test(
    "a mistake is one line on standard error that says what to do, and 1",
    arguments: [
      (["-foo", "members"], "serf: the flag '-foo' stands before the command"),
      (["members", "-foo"], "serf members: Unknown option '-foo'"),
      (["members", "-format=xml"], "serf members: The value 'xml' is invalid for '-format <format>'"),
      (["members", "-format=--x"], "serf members: The value '--x' is invalid for '-format <format>'"),
      (["query"], "serf query: a query name is missing; write serf query NAME [PAYLOAD]"),
      (["query", "a", "b", "c"], "serf query: only a name and a payload are expected, not 3 words"),
      (["query", "-tag", "r=a", "-tag", "r=b", "x"], "serf query: -tag 'r' is given twice; write one pattern with alternatives"),
      (["query", "-relay-factor=256", "a"], "serf query: -relay-factor is 0 to 255, not 256"),
      (["members", "-tag", "novalue"], "serf members: The value 'novalue' is invalid for '-tag <tag>'"),
      (["members", "-name"], "serf members: Missing value for '-name <name>'"),
      (["event", "-coalesce=maybe", "x"], "serf event: -coalesce is true or false, not 'maybe'; see serf event -h"),
      (["members", "x"], "serf members: Unexpected argument 'x'"),
      (["info", "x"], "serf info: Unexpected argument 'x'"),
      (["leave", "n1"], "serf leave: Unexpected argument 'n1'"),
      (["monitor", "x"], "serf monitor: Unexpected argument 'x'"),
      (["tags", "-set", "a=1", "b=2"], "serf tags: Unexpected argument 'b=2'"),
      (["rtt"], "serf rtt: one or two members' names are expected, not 0; 'serf members' lists them"),
      (["rtt", "a", "b", "c"], "serf rtt: one or two members' names are expected, not 3"),
      (["keygen", "x"], "serf keygen: Unexpected argument 'x'"),
      (["agent", "-join", "a", "b"], "serf agent: 'b' is not expected: an agent takes options only"),
      (
        ["leave", "n1", "-rpc-auth=secret"],
        "serf leave: '-rpc-auth' stands behind 'n1', and options come before the words; see serf leave -h"
      ),
      (["join", "h", "-replay"], "serf join: '-replay' stands behind 'h', and options come before the words; see serf join -h"),
      (["force-leave", "n1", "-prune"], "serf force-leave: '-prune' stands behind 'n1'"),
      (["event", "deploy", "-5", "-rpc-addr=x"], "serf event: only a name and a payload are expected, not 3 words"),
      (["agent", "-log-level=LOUD"], "serf agent: The value 'LOUD' is invalid"),
      (["agent", "-retry-interval=5"], "serf agent: The value '5' is invalid"),
      (["agent", "-retry-interval=0"], "serf agent: -retry-interval must be at least 1ms"),
      (["agent", "-retry-max=-1"], "serf agent: -retry-max cannot be -1: give a number of tries, or 0 for no limit"),
      (["agent", "-profile=moon"], "serf agent: The value 'moon' is invalid"),
      (
        ["agent", "-rpc-addr=0.0.0.0:0"],
        "serf agent: -rpc-addr '0.0.0.0:0' is open to other machines and there is no key; set one with -rpc-auth"
      ),
      (
        ["members", "-rpc-addr=127.0.0.1:1"],
        "serf members: cannot reach an agent at '127.0.0.1:1': connection refused; start one with 'serf agent'"
      ),
      (["info", "-rpc-addr=:::"], "serf info: cannot reach an agent at ':::': this is not host:port"),
    ] as [([String], String)])
  func mistakes(arguments: [String], message: String) async throws {
    let run = try await Executable.run(arguments)
    #expect(run.status == 1 && run.output == "")
    #expect(run.errors.hasPrefix(message), "\(run.errors)")
    #expect(run.errors.filter(\.isNewline).count == 1 && run.errors.hasSuffix("\n"))
  }
}
