package import Serf
import SerfClient
import SerfIdentity

/// How an agent runs: what its command line says (`agent.md` section 7).
package struct AgentConfiguration: Hashable, Sendable {
  /// The node's name; nil takes the name in the certificate, or without one the host's name.
  package var nodeName: String?
  /// `ip[:port]` or `host[:port]`; IPv6 with a port in brackets.
  package var bind = "0.0.0.0:7946"
  /// The address that others use, if it differs: `ip[:port]`.
  package var advertise: String?
  /// An interface whose address is taken when `bind` gives no concrete one.
  package var interface: String?
  /// Networks that members may be in, as `address/bits`; empty for all.
  package var allow: [String] = []
  /// The kind of network for which the timings are tuned.
  package var profile = SerfConfiguration.Profile.lan
  package var tags: [String: String] = [:]

  /// Members to contact at the start; if none answers the agent ends.
  package var join: [String] = []
  /// Members to contact at the start, again and again until one answers.
  package var retryJoin: [String] = []
  /// How long to wait between two attempts of ``retryJoin``; at least one second.
  package var retryInterval = Duration.seconds(30)
  /// How many attempts of ``retryJoin`` follow the first before the agent ends; 0 for no limit.
  package var retryMaximum = 0
  /// Whether user events from before a join are delivered.
  package var replay = false

  /// The file in which the agent remembers the members and clocks beyond a restart.
  package var snapshotPath: String?
  /// Whether it goes back to the cluster that it left.
  package var rejoinAfterLeave = false

  /// Where the RPC listens: `host:port`.
  package var rpcAddress = SerfRPCClient.defaultAddress
  /// What RPC clients must know; nil or empty for no key.
  package var rpcAuth: String?
  package var logLevel = AgentLogLevel.info
  /// Whether an interrupt ends the agent without a leave.
  package var skipLeaveOnInterrupt = false
  /// Whether a termination signal lets the agent leave first.
  package var leaveOnTerminate = false

  package var transport = Transport.quic
  /// The key that encrypts all traffic over TCP and UDP (with TLS: over UDP), in base64.
  package var encrypt: String?
  /// A JSON file with such keys, the primary one first. It may contain none while both of the following are false.
  package var keyringFile: String?
  /// Whether what is sent over TCP and UDP is encrypted; nil for true. False only while a running cluster changes to encryption.
  package var encryptVerifyOutgoing: Bool?
  /// Whether messages that are not encrypted are refused; nil for true. False only while a running cluster changes to encryption.
  package var encryptVerifyIncoming: Bool?
  /// With TLS: whether packets over UDP may cross without a key.
  package var allowsClearPackets = false
  /// What keeps clusters apart over TCP and UDP.
  package var label: String?
  /// How messages over TCP and UDP are compressed; nil for the transport's default.
  package var compression: CompressionChoice?

  package var tls = TLS()

  /// How the node reaches others.
  package enum Transport: String, Hashable, Sendable, CaseIterable {
    /// One UDP port, mutual TLS.
    case quic
    /// TCP and UDP as Go Serf speaks them.
    case tcp
    /// Mutual TLS over TCP, a key over UDP.
    case tls
  }

  /// The values of `-compression`.
  package enum CompressionChoice: String, Hashable, Sendable, CaseIterable {
    case lzw, zstd, off
  }

  /// The node's identity on QUIC and TLS (`secure-transport.md` section 1).
  package struct TLS: Hashable, Sendable {
    /// The cluster that certificates must name.
    package var cluster = "default"
    /// PEM files; all three are needed.
    package var authorities: String?
    package var certificate: String?
    package var privateKey: String?
    /// PEM file with revocation lists.
    package var revocations: String?
    /// Where in a certificate the node's name is.
    package var identity = IdentityMode.uri
    /// Accepts a key file that others can read.
    package var allowsInsecureKey = false
  }

  package init() {}

  /// The RPC's host and port.
  ///
  /// Any client that reaches the RPC can make the agent leave. So without a key only clients on this machine may reach it (`secure-transport.md`
  /// 3.6).
  func rpcEndpoint() throws(AgentFailure) -> (host: String, port: UInt16) {
    guard let (host, port) = hostAndPort(rpcAddress, defaultPort: 7373) else {
      throw AgentFailure("-rpc-addr \(printable(rpcAddress)) is not host:port")
    }
    let isLoopback = host == "localhost" || NodeAddress(parsing: host, defaultPort: port)?.isLoopback == true
    guard isLoopback || rpcAuth?.isEmpty == false else {
      throw AgentFailure(
        "-rpc-addr \(printable(rpcAddress)) is open to other machines and there is no key; set one with -rpc-auth, or bind to 127.0.0.1")
    }
    return (host, port)
  }

  /// Raises values below their minimum to it. Returns one line for each.
  mutating func applyFloors() -> [String] {
    guard retryInterval < .seconds(1) else { return [] }
    retryInterval = .seconds(1)
    return ["Warning: 'RetryInterval' is too low. Setting to 1s"]
  }

  /// There is nothing to rejoin without a snapshot.
  func rejoinWarning() -> String? {
    rejoinAfterLeave && snapshotPath == nil ? "Warning: 'RejoinAfterLeave' enabled without snapshot file" : nil
  }

  /// A keyring that other users can read is not secret. Go Serf accepts it nevertheless, so it is no reason to refuse the start.
  func keyringWarning() -> String? {
    guard let keyringFile, let mode = CredentialFile.openMode(of: keyringFile) else { return nil }
    return "Warning: \(printable(keyringFile)) is open to group or others (mode \(mode)). Run 'chmod 600 \(keyringFile)'"
  }
}
