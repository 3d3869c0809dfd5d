import Serf
import SerfTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The transport that the command line names, with all that the agent needs for it.
struct TransportChoice {
  /// The node's name.
  let node: NodeName
  let factory: any StreamLayerFactory
  /// How traffic is protected, for the banner.
  let protection: String
  /// Loads certificates or keys again.
  let reload: @Sendable (AgentConfiguration) async throws(AgentFailure) -> Void

  private init(
    node: NodeName, factory: any StreamLayerFactory, protection: String,
    reload: @escaping @Sendable (AgentConfiguration) async throws(AgentFailure) -> Void
  ) {
    self.node = node
    self.factory = factory
    self.protection = protection
    self.reload = reload
  }

  init(_ configuration: AgentConfiguration) async throws(AgentFailure) {
    switch configuration.transport {
    case .quic: self = try await .quic(configuration)
    case .tcp: self = try await .tcp(configuration)
    case .tls: self = try await .tls(configuration)
    }
  }

  // MARK: QUIC

  private static func quic(_ configuration: AgentConfiguration) async throws(AgentFailure) -> TransportChoice {
    try refuse(
      [("-encrypt", configuration.encrypt), ("-keyring-file", configuration.keyringFile)],
      "is for -transport tcp or tls: QUIC encrypts all traffic by TLS already, and certificates say who may join")
    try refuse(configuration.encryptionFlags, "is for -transport tcp: QUIC always encrypts")
    try refuse(
      [("-label", configuration.label)],
      "is for -transport tcp: on QUIC the cluster's name in the certificates keeps clusters apart (-cluster)")
    try refuse([("-compression", configuration.compression?.rawValue), clearPackets(configuration)], "is not for -transport quic")
    #if QUIC
      let credentials = try configuration.credentials()
      let transport = QuicTransport(credentials, bind: try await configuration.bindAddress())
      return TransportChoice(
        node: credentials.node, factory: transport, protection: "true (mutual TLS, cluster '\(credentials.cluster)')"
      ) { new async throws(AgentFailure) in
        let credentials = try new.credentials()
        try agentFailure { try transport.replace(credentials: credentials) }
      }
    #else
      throw AgentFailure(
        """
        this program was built without QUIC, which an agent uses unless told otherwise; build it with the default traits (and libngtcp2-dev \
        installed), or start with -transport tcp
        """)
    #endif
  }

  // MARK: TCP and UDP

  private static func tcp(_ configuration: AgentConfiguration) async throws(AgentFailure) -> TransportChoice {
    let tls = configuration.tls
    try refuse(
      [("-tls-ca", tls.authorities), ("-tls-cert", tls.certificate), ("-tls-key", tls.privateKey), ("-tls-crl", tls.revocations)],
      "is for -transport quic or tls: with tcp, as in Go Serf, no member proves its name, and -encrypt protects the traffic")
    let unset = AgentConfiguration().tls
    try refuse(
      [("-cluster", tls.cluster == unset.cluster ? nil : tls.cluster)],
      "is for -transport quic or tls, where certificates name the cluster; on tcp -label keeps clusters apart")
    try refuse(
      [("-tls-identity", tls.identity == unset.identity ? nil : ""), ("-tls-key-insecure", tls.allowsInsecureKey ? "" : nil)],
      "is for -transport quic or tls: on tcp there are no certificates")
    try refuse([clearPackets(configuration)], "is for -transport tls: with tcp everything crosses in the clear unless -encrypt is given")
    var settings = NetTransport.Settings()
    settings.label = configuration.label ?? ""
    let step = try EncryptionStep(configuration)
    step.apply(to: &settings)
    settings.keyring = try KeyringSource(configuration)?.makeKeyring(allowsNoKey: step.allowsNoKey, remedy: EncryptionStep.remedyForNoKey)
    settings.compression = configuration.compression.map(\.algorithm) ?? settings.compression
    let keyring = settings.keyring
    let name: NodeName
    if let given = configuration.nodeName { name = NodeName(bytes: Array(given.utf8)) } else { name = try hostName() }
    return TransportChoice(
      node: name,
      factory: NetTransport(bind: try await configuration.bindAddress(), settings: settings),
      protection: keyring.map(step.protection) ?? "false"
    ) { new async throws(AgentFailure) in
      try reload(keyring, new)
    }
  }

  private static func reload(_ keyring: Keyring?, _ configuration: AgentConfiguration) throws(AgentFailure) {
    guard let keyring, let successor = try KeyringSource(configuration)?.makeSuccessor(of: keyring) else { return }
    keyring.replace(with: successor)
  }

  // MARK: TLS

  private static func tls(_ configuration: AgentConfiguration) async throws(AgentFailure) -> TransportChoice {
    try refuse(
      [("-label", configuration.label)],
      "is for -transport tcp: on TLS the cluster's name in the certificates keeps clusters apart (-cluster)")
    try refuse(
      configuration.encryptionFlags,
      "is for -transport tcp: TLS always encrypts connections, and -allow-clear-packets says whether packets without a key are accepted"
    )
    #if TLS
      let credentials = try configuration.credentials()
      var settings = TLSTransport.Settings()
      settings.keyring = try KeyringSource(configuration)?.makeKeyring()
      settings.allowsClearPackets = configuration.allowsClearPackets
      settings.compression = configuration.compression.map(\.algorithm) ?? settings.compression
      let keyring = settings.keyring
      let bind = try await configuration.bindAddress()
      let transport = try agentFailure { try TLSTransport(credentials, bind: bind, settings: settings) }
      let alsoClear = settings.allowsClearPackets ? "; also accepted in the clear" : ""
      let packets =
        keyring.map { "packets \(EncryptionStep.strength(of: $0))\(alsoClear)" } ?? "packets in the clear"
      return TransportChoice(
        node: credentials.node, factory: transport,
        protection: "\(keyring != nil) (mutual TLS over TCP, cluster '\(credentials.cluster)'; \(packets))"
      ) { new async throws(AgentFailure) in
        // All of it is read before any of it is used.
        let credentials = try new.credentials()
        var newKeyring: Keyring?
        if let keyring { newKeyring = try KeyringSource(new)?.makeSuccessor(of: keyring) }
        try agentFailure { try transport.replace(credentials: credentials) }
        if let keyring, let newKeyring { keyring.replace(with: newKeyring) }
      }
    #else
      throw AgentFailure(
        "this program was built without TLS; build it with --traits default,TLS, or start with -transport quic, which proves names as well")
    #endif
  }

  private static func agentFailure<Value>(_ work: () throws -> Value) throws(AgentFailure) -> Value {
    do { return try work() } catch { throw AgentFailure("\(error)") }
  }

  private static func clearPackets(_ configuration: AgentConfiguration) -> (name: String, value: String?) {
    ("-allow-clear-packets", configuration.allowsClearPackets ? "" : nil)
  }

  private static func hostName() throws(AgentFailure) -> NodeName {
    var characters = [CChar](repeating: 0, count: 256)
    let status = gethostname(&characters, characters.count - 1)
    let name = NodeName(bytes: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) })
    guard status == 0, !name.isEmpty else { throw AgentFailure("this host has no name; give the node one with -node") }
    return name
  }

  /// A flag without effect is a misunderstanding, so it is refused at once.
  private static func refuse(_ flags: [(name: String, value: String?)], _ why: String) throws(AgentFailure) {
    if let flag = flags.first(where: { $0.value != nil }) { throw AgentFailure("\(flag.name) \(why)") }
  }
}

extension AgentConfiguration.CompressionChoice {
  fileprivate var algorithm: TransportCompression? {
    switch self {
    case .lzw: .lzw
    case .zstd: .zstd
    case .off: nil
    }
  }
}
