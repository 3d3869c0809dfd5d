package import SerfPrimitives

extension SettingName {
  /// The agent's flag for it.
  package var flag: String {
    switch self {
    case .name: "-node"
    case .advertise: "-advertise"
    case .allowedNetworks: "-allow"
    case .snapshot: "-snapshot"
    case .rejoinAfterLeave: "-rejoin"
    case .queryTimeout: "-timeout"
    case .label: "-label"
    case .sealsOutgoing: "-encrypt-verify-outgoing"
    case .verifiesIncoming: "-encrypt-verify-incoming"
    case .allowsClearPackets: "-allow-clear-packets"
    case .keyring: "-encrypt or -keyring-file"
    case .cluster: "-cluster"
    case .authorities: "-tls-ca"
    case .certificate: "-tls-cert"
    case .privateKey: "-tls-key"
    case .revocations: "-tls-crl"
    case .allowsInsecureKey: "-tls-key-insecure"
    }
  }
}

/// A text of the library as the command prints it: with flags in place of the names of settings.
package func flagged(_ text: String) -> String {
  guard mayNameSetting(text) else { return text }
  var result = ""
  var rest = text[...]
  while let start = rest.firstIndex(where: isPartOfName) {
    let word = rest[start...].prefix(while: isPartOfName)
    // A sentence may end behind the name.
    let name = word.last == "." ? word.dropLast() : word
    result += rest[..<start]
    result += SettingName(rawValue: String(name))?.flag ?? String(name)
    rest = rest[name.endIndex...]
    if name.endIndex < word.endIndex { result.append(rest.removeFirst()) }
  }
  return result + rest
}

private func isPartOfName(_ character: Character) -> Bool { character.isASCII && character.isLetter || character == "." }

/// Whether a dot joins two words, which is rare in lines of a log. Every line passes here, so it is quick.
private func mayNameSetting(_ text: String) -> Bool {
  var (beforeLast, last) = (UInt8(0), UInt8(0))
  for byte in text.utf8 {
    if last == UInt8(ascii: "."), isLetter(beforeLast), isLetter(byte) { return true }
    (beforeLast, last) = (last, byte)
  }
  return false
}

private func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) }
