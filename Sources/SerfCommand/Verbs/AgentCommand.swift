public import ArgumentParser
public import Serf
package import SerfAgent
import UnixSignals

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// `serf agent`: one node of a cluster, until it is stopped.
struct AgentCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "agent", abstract: "Runs a Serf agent", usage: "serf agent [options]",
    discussion: """
      Runs until interrupted (SIGINT leaves the cluster first; a second signal or 3 seconds end it). SIGHUP loads the certificates \
      or the keyring file again. With -transport quic, certificates say which nodes may join ('serf certs' makes them). With -transport tcp, the \
      agent joins clusters of Go Serf, and a key that all members share encrypts the traffic ('serf keygen' makes one). -transport tls is for \
      networks that block QUIC: certificates protect what goes over TCP, and a key protects what goes over UDP.

      A cluster over TCP that runs without a key gets one in three steps. For each step, restart one agent after another, and begin the next step \
      when all have done it: (1) with -keyring-file, -encrypt-verify-outgoing=false and -encrypt-verify-incoming=false; (2) with -keyring-file and \
      -encrypt-verify-incoming=false; (3) with -keyring-file alone. To go back, do the same in reverse.
      """)

  @Option(help: "The node's name; with quic and tls the one in its certificate. Default: that one; with tcp the host's name.")
  var node: String?
  @Option(help: "Where to listen: address[:port]; IPv6 with a port in brackets.") var bind = "0.0.0.0:7946"
  @Option(help: "The address that other members use, if it is not that of -bind: address[:port].") var advertise: String?
  @Option(help: "A network that members may be in, such as 10.0.0.0/8. May be repeated. Default: all.") var allow: [String] = []
  @Option(help: "A network interface whose address to listen on.") var iface: String?
  @Option(help: "A member to join at the start; one must answer, unless the agent's own address is among them. May be repeated.")
  var join: [String] = []
  @Option(
    help: "A member to join, tried until one answers that is not this agent, and later whenever it is no live member. May be repeated.")
  var retryJoin: [String] = []
  @Option(help: "The time between two tries of -retry-join, such as 30s.") var retryInterval = GoDuration(.seconds(30))
  @Option(help: "How many tries of -retry-join follow the first; 0 for no limit.") var retryMax = 0
  @Flag(help: "Deliver user events from before the join.") var replay = false
  @Option(help: "A file in which to remember members and clocks, so that the agent joins by itself after a restart.")
  var snapshot: String?
  @Flag(help: "With -snapshot: join them also after a leave.") var rejoin = false
  @Option(help: "Where to listen for commands: host:port.") var rpcAddr = "127.0.0.1:7373"
  @Option(help: "The key that commands must send. Default: $SERF_RPC_AUTH, else none.") var rpcAuth: String?
  @Option(help: "A tag of this node: key=value. May be repeated.") var tag: [TagArgument] = []
  @Option(help: "The lowest level to print: TRACE, DEBUG, INFO, WARN or ERR.") var logLevel = LogLevelArgument(level: .info)
  @Option(help: "The kind of network that the timings fit.") var profile = SerfConfiguration.Profile.lan
  @Option(help: "How to reach other members; tcp is TCP and UDP as in Go Serf.")
  var transport = AgentConfiguration.Transport.quic
  @Option(help: "tcp, tls: the key that encrypts what TLS does not, in base64. Other users can see it in the process list.")
  var encrypt: String?
  @Option(help: "tcp, tls: a JSON file with such keys, the primary one first.") var keyringFile: String?
  @Option(help: "tcp: true or false: encrypt what is sent. False only while a running cluster gets its first key. Default: true.")
  var encryptVerifyOutgoing: Bool?
  @Option(help: "tcp: true or false: refuse what is not encrypted. The last to become true, and the first to become false. Default: true.")
  var encryptVerifyIncoming: Bool?
  @Option(help: "tcp: a word that keeps this cluster apart from others; the same at all members.") var label: String?
  @Option(help: "tcp, tls: how messages are compressed. No Go agent reads zstd. Default: lzw.")
  var compression: AgentConfiguration.CompressionChoice?
  @Flag(help: "tls: allow packets over UDP without a key. Any host on the way can read and forge them.") var allowClearPackets = false
  @Option(help: "quic, tls: the cluster that certificates must name.") var cluster = "default"
  @Option(help: "quic, tls: PEM file: the cluster's authorities.") var tlsCa: String?
  @Option(help: "quic, tls: PEM file: this node's certificate, then intermediates.") var tlsCert: String?
  @Option(help: "quic, tls: PEM file: this node's private key.") var tlsKey: String?
  @Option(help: "quic, tls: PEM file: revocation lists of the authorities.") var tlsCrl: String?
  @Option(help: "quic, tls: where a certificate holds the name; uri is serf://cluster/node.") var tlsIdentity = IdentityChoice.uri
  @Flag(help: "quic, tls: accept a key file that others can read.") var tlsKeyInsecure = false
  @Argument(help: .hidden) var words: [String] = []

  func run() async throws {
    try refuseWords()
    try checkRetries()
    let configuration = agentConfiguration
    // A log that is lost is no reason to leave the cluster.
    signal(SIGPIPE, SIG_IGN)
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
    let console = Console()
    defer { console.flush() }
    let status: Int32
    do throws(AgentFailure) {
      let agent = Agent(configuration, console: console, starter: SerfNodeStarter()) { () throws(AgentFailure) in configuration }
      status = try await agent.run(signals)
    } catch {
      console.flush()
      throw CommandFailure(error.description)
    }
    guard status == 0 else { throw ExitCode(status) }
  }

  /// Go's agent ignores words. A word is a mistake, such as a second address after `-join`; after `--` it may be an option.
  private func refuseWords() throws(CommandFailure) {
    guard let word = words.first else { return }
    // Without its value, which may be a key.
    let text = printable(word.hasPrefix("-") ? String(word.prefix { $0 != "=" }) : word)
    throw CommandFailure(
      "\(text) is not expected: an agent takes options only, none behind '--'. Repeat an option to give it several values")
  }

  private func checkRetries() throws(CommandFailure) {
    guard retryMax >= 0 else { throw CommandFailure("-retry-max cannot be \(retryMax): give a number of tries, or 0 for no limit") }
    guard retryInterval.duration >= .milliseconds(1) else {
      throw CommandFailure("-retry-interval must be at least 1ms: without a pause the agent would do nothing but join")
    }
  }

  private var agentConfiguration: AgentConfiguration {
    var configuration = AgentConfiguration()
    configuration.nodeName = node
    configuration.bind = bind
    configuration.advertise = advertise
    configuration.interface = iface
    configuration.allow = allow
    configuration.join = join
    configuration.retryJoin = retryJoin
    configuration.retryInterval = retryInterval.duration
    configuration.retryMaximum = retryMax
    configuration.replay = replay
    configuration.snapshotPath = snapshot.flatMap { $0.isEmpty ? nil : $0 }
    configuration.rejoinAfterLeave = rejoin
    configuration.rpcAddress = rpcAddr
    configuration.rpcAuth = rpcAuth ?? environment("SERF_RPC_AUTH")
    configuration.tags = tag.map
    configuration.logLevel = logLevel.level
    configuration.profile = profile
    configuration.transport = transport
    configuration.encrypt = encrypt
    configuration.keyringFile = keyringFile
    configuration.encryptVerifyOutgoing = encryptVerifyOutgoing
    configuration.encryptVerifyIncoming = encryptVerifyIncoming
    configuration.allowsClearPackets = allowClearPackets
    configuration.label = label
    configuration.compression = compression
    configuration.tls.cluster = cluster
    configuration.tls.authorities = tlsCa
    configuration.tls.certificate = tlsCert
    configuration.tls.privateKey = tlsKey
    configuration.tls.revocations = tlsCrl
    configuration.tls.identity = tlsIdentity.mode
    configuration.tls.allowsInsecureKey = tlsKeyInsecure
    return configuration
  }
}

/// A level by its name, in upper or lower case.
struct LogLevelArgument: ExpressibleByArgument {
  let level: AgentLogLevel

  init(level: AgentLogLevel) { self.level = level }

  init?(argument: String) {
    guard let level = AgentLogLevel(parsing: argument) else { return nil }
    self.level = level
  }

  var defaultValueDescription: String { level.name }
}
extension SerfConfiguration.Profile: ExpressibleByArgument {}
extension AgentConfiguration.Transport: ExpressibleByArgument {}
extension AgentConfiguration.CompressionChoice: ExpressibleByArgument {}
