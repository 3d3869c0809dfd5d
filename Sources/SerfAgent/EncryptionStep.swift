import Serf

/// How far an agent is on the way from a cluster in clear text to one with a key, as `-encrypt-verify-outgoing` and `-encrypt-verify-incoming` say.
///
/// An agent at one step understands agents at the step before and the step after, so a cluster takes each step at one member after another. No step
/// refuses what is not encrypted and still sends in clear text: ``init(_:)`` refuses that.
enum EncryptionStep {
  /// Both off: the agent has the key, sends in clear text, and accepts both.
  case reading
  /// Only outgoing on: the agent encrypts, and accepts both.
  case encrypting
  /// Both on, as without the flags.
  case complete

  static let outgoingFlag = "-encrypt-verify-outgoing"
  static let incomingFlag = "-encrypt-verify-incoming"

  init(_ configuration: AgentConfiguration) throws(AgentFailure) {
    let (outgoing, incoming) = (configuration.encryptVerifyOutgoing, configuration.encryptVerifyIncoming)
    if configuration.encrypt == nil, configuration.keyringFile == nil,
      let flag = configuration.encryptionFlags.first(where: { $0.value != nil })
    {
      throw AgentFailure(
        "\(flag.name) has no effect without a key; give one with -keyring-file (whose list may be empty, [], while both are false)")
    }
    switch (outgoing ?? true, incoming ?? true) {
    case (true, true): self = .complete
    case (true, false): self = .encrypting
    case (false, false): self = .reading
    case (false, true):
      throw AgentFailure(
        "\(Self.outgoingFlag)=false needs \(Self.incomingFlag)=false: an agent that sends in the clear cannot refuse clear text. While a cluster "
          + "gets its first key, outgoing becomes true first, at all members, then incoming")
    }
  }

  /// Whether the keyring file of an agent at this step may be without a key.
  var allowsNoKey: Bool { self == .reading }

  func apply(to settings: inout NetTransport.Settings) {
    settings.sealsOutgoing = self != .reading
    settings.verifiesIncoming = self == .complete
  }

  /// What to do when a keyring file has no key.
  static let remedyForNoKey =
    "'serf keygen' makes one; if the cluster has no key yet, start with \(outgoingFlag)=false and \(incomingFlag)=false"

  /// The primary key's cipher and the number of keys.
  static func strength(of keyring: Keyring) -> String {
    (keyring.primary.map { "AES-\($0.bitCount)-GCM, " } ?? "") + "keys: \(keyring.keys.count)"
  }

  /// How traffic is protected, for the banner.
  func protection(_ keyring: Keyring) -> String {
    let keys = Self.strength(of: keyring)
    return switch self {
    case .reading: "false (\(keys); sends in the clear, and accepts that)"
    case .encrypting: "true (\(keys); what comes in the clear is accepted too)"
    case .complete: "true (\(keys))"
    }
  }
}

extension AgentConfiguration {
  /// The two flags, with their values if they are given.
  var encryptionFlags: [(name: String, value: String?)] {
    [
      (EncryptionStep.outgoingFlag, encryptVerifyOutgoing.map(String.init)),
      (EncryptionStep.incomingFlag, encryptVerifyIncoming.map(String.init)),
    ]
  }
}
