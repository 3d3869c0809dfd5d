import Serf
import SerfIdentity
import SerfTransport

/// Where an agent's keys come from: `-encrypt`, or `-keyring-file` (`agent.md` section 11).
struct KeyringSource {
  /// The flag, for errors.
  let flag: String
  private let text: String
  private let isFile: Bool

  /// Nil when neither is given.
  init?(_ configuration: AgentConfiguration) throws(AgentFailure) {
    switch (configuration.encrypt, configuration.keyringFile) {
    case (nil, nil): return nil
    case (let key?, nil): (flag, text, isFile) = ("-encrypt", key, false)
    case (nil, let path?): (flag, text, isFile) = ("-keyring-file", path, true)
    case (_?, _?): throw AgentFailure("-encrypt is not allowed with -keyring-file; put the key into the file, first if it is to be primary")
    }
  }

  /// - Parameters:
  ///   - allowsNoKey: whether the file may be without a key.
  ///   - remedy: what an operator can do about a file without keys, if a key is needed.
  func makeKeyring(allowsNoKey: Bool = false, remedy: String = "'serf keygen' makes one") throws(AgentFailure) -> Keyring {
    let keys = try keys()
    guard !keys.isEmpty || !allowsNoKey else { return Keyring() }
    do {
      return try Keyring(keys)
    } catch { throw AgentFailure("\(flag): \(printable(text)) contains no keys; \(remedy)") }
  }

  /// The ring that replaces the keys of `keyring`, which is in use. It may be empty only if `keyring` is. Nil for `-encrypt`: an agent's command line does
  /// not change, so reading it again would only undo what members have changed.
  func makeSuccessor(of keyring: Keyring) throws(AgentFailure) -> Keyring? {
    guard isFile else { return nil }
    return try makeKeyring(allowsNoKey: keyring.keys.isEmpty, remedy: "the running agent keeps the keys that it has")
  }

  /// The keys, the primary one first.
  private func keys() throws(AgentFailure) -> [SecretKey] {
    guard isFile else { return [try key(text, flag)] }
    var keys: [SecretKey] = []
    for (position, line) in try read().enumerated() { keys.append(try key(line, "\(flag) \(text), key \(position + 1)")) }
    return keys
  }

  private func key(_ text: String, _ place: String) throws(AgentFailure) -> SecretKey {
    do {
      return try SecretKey(base64: text)
    } catch { throw AgentFailure("\(place): \(error)") }
  }

  private func read() throws(AgentFailure) -> [String] {
    let bytes: SecretBytes
    do throws(CredentialsError) {
      bytes = try CredentialFile.readSecret(text, what: "keyring", setting: flag, privacy: .open)
    } catch { throw AgentFailure(error.description) }
    guard let keys = bytes.withUnsafeBytes(KeyringFile.strings) else {
      throw AgentFailure("\(flag): \(text) is not a JSON array of keys in base64, such as [\"…\", \"…\"]")
    }
    return keys
  }
}
