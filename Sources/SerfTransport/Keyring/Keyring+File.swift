import SerfIdentity
import SerfPrimitives

extension Keyring {
  /// The ring in a keyring file: a JSON array of keys in base64, the primary one first, as Go's agents read and write it.
  ///
  /// - Throws: ``SerfError`` with ``SerfError/Code/configuration`` when the file cannot be read, or is no such array, or has no key.
  public convenience init(file path: String) throws {
    let bytes: SecretBytes
    do throws(CredentialsError) {
      bytes = try CredentialFile.readSecret(path, what: "keyring", setting: "Keyring(file:)", privacy: .open)
    } catch { throw SerfError(.configuration, error) }
    guard let texts = bytes.withUnsafeBytes(KeyringFile.strings) else {
      throw SerfError(.configuration, "the keyring file '\(escaped(path))' is not a JSON array of keys in base64, such as [\"…\", \"…\"]")
    }
    try self.init(texts.map { try SecretKey(base64: $0) })
  }
}

extension KeyringFile {
  /// Writes these keys, the primary one first, and returns when they are durable. Until then the file has its old content, however the write ends.
  /// If `path` is a symbolic link, the file that it leads to is replaced.
  package static func write(_ keys: [SecretKey], to path: String) throws(CredentialsError) {
    try CredentialFile.write(SecretBytes(copying: text(of: keys)), to: CredentialFile.target(of: path), mode: 0o600, overwrite: true)
  }

  /// A JSON array, each key on a line of its own behind two spaces. Base64 has no character that JSON escapes.
  package static func text(of keys: [SecretKey]) -> [UInt8] {
    guard !keys.isEmpty else { return Array("[]\n".utf8) }
    return Array(("[\n" + keys.map { "  \"\($0.base64)\"" }.joined(separator: ",\n") + "\n]\n").utf8)
  }
}
