import SerfPrimitives
import SerfWire

/// Why label, encryption and compression could not be removed from what a peer sent. Each case is counted and logged.
package enum EnvelopeProblem: Error, Hashable, Sendable, CaseIterable {
  /// It carries another label than ours, or none, or we have none.
  case otherLabel
  /// It is not encrypted, but we have a key and require encryption.
  case notEncrypted
  /// None of our keys opens it.
  case noKeyFits
  /// It is encrypted, and we have no key.
  case noKeys
  /// Its compression cannot be undone.
  case badCompression
  /// It expands, or states a length, beyond the limit.
  case tooLarge
}

extension EnvelopeProblem {
  init(_ failure: Sealer.Failure) {
    switch failure {
    case .notSealed: self = .notEncrypted
    case .noKeys: self = .noKeys
    case .noKeyFits: self = .noKeyFits
    }
  }

  init(expanding error: WireError) { self = error == .tooLarge ? .tooLarge : .badCompression }

  /// For our own log: the cause and what to look at.
  package var text: String {
    switch self {
    case .otherLabel:
      "its label differs from ours. All members of a cluster need the same label (\(SettingName.label)), or with TLS the same cluster "
        + "(\(SettingName.cluster))"
    case .notEncrypted:
      "it is not encrypted as this node requires. All members of a cluster need the same key (\(SettingName.keyring)), or none. "
        + "While a cluster gets its first key, \(SettingName.verifiesIncoming) stays false until \(SettingName.sealsOutgoing) is true at all members"
    case .noKeyFits: "none of our keys decrypts it. All members of a cluster need the same key (and label)"
    case .noKeys:
      "it is encrypted, and we have no key. All members of a cluster need the same key (\(SettingName.keyring)), or none. "
        + "While a cluster gets its first key, \(SettingName.sealsOutgoing) stays false until all members have it"
    case .badCompression: "it cannot be decompressed"
    case .tooLarge: "it is larger than the limit, or would be when decompressed"
    }
  }

  /// What the peer is told; nil if it is told nothing (`memberlist.md` sections 2.2 and 2.7).
  var reply: String? {
    switch self {
    case .otherLabel: nil
    case .notEncrypted: "encryption is required, and the message is not encrypted"
    case .noKeyFits: "no installed key decrypts the message"
    case .noKeys: "the message is encrypted, and encryption is not configured"
    case .badCompression: "the compressed message cannot be expanded"
    case .tooLarge: "the message exceeds the limit"
    }
  }

  /// The counter's name.
  package var counter: String {
    switch self {
    case .otherLabel: "refused_label"
    case .notEncrypted: "refused_not_encrypted"
    case .noKeyFits: "refused_key"
    case .noKeys: "refused_encrypted"
    case .badCompression: "refused_compression"
    case .tooLarge: "refused_too_large"
    }
  }
}
