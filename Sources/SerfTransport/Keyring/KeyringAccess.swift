/// Whether members may change the keys that encrypt what crosses a layer.
@nonexhaustive
public enum KeyringAccess: Sendable {
  /// They may: this is the ring. All that encrypts shares it, so a change applies from the next packet on.
  case shared(Keyring)
  /// There is no ring, or not now, for this reason: a clause for people.
  case none(because: String)

  /// What Go's agents say where there is no ring.
  public static let notEncrypted = KeyringAccess.none(because: "encryption not enabled")
}
