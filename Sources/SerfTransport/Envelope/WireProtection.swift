/// What protects traffic without TLS: a label that keeps clusters apart, and a keyring that encrypts.
package struct WireProtection: Sendable {
  /// 0–255 bytes.
  package var label: [UInt8] = []
  package var keyring: Keyring?
  /// Whether we encrypt what we send. Off only while a running cluster changes to encryption.
  package var sealsOutgoing = true
  /// Whether we refuse what is not encrypted. Off only while a running cluster changes to encryption.
  package var verifiesIncoming = true

  package init() {}
}
