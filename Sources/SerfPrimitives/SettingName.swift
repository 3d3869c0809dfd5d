/// What the texts of errors and log lines call a setting: its name in Swift, because a library does not know the options of the program around it.
///
/// A program with names of its own for them replaces these in what it prints; the raw values are unique enough for that.
package enum SettingName: String, CaseIterable, Sendable {
  case name = "SerfConfiguration.name"
  case advertise = "SerfConfiguration.advertise"
  case allowedNetworks = "SerfConfiguration.allowedNetworks"
  case snapshot = "SerfConfiguration.snapshot.path"
  case rejoinAfterLeave = "SerfConfiguration.snapshot.rejoinAfterLeave"
  case queryTimeout = "SerfQuery.Options.timeout"

  case label = "NetTransport.Settings.label"
  case sealsOutgoing = "NetTransport.Settings.sealsOutgoing"
  case verifiesIncoming = "NetTransport.Settings.verifiesIncoming"
  case allowsClearPackets = "TLSTransport.Settings.allowsClearPackets"
  /// `NetTransport` and `TLSTransport` both have it.
  case keyring = "Settings.keyring"

  case cluster = "Credentials.cluster"
  case authorities = "Credentials.Files.authorities"
  case certificate = "Credentials.Files.certificate"
  case privateKey = "Credentials.Files.privateKey"
  case revocations = "Credentials.Files.revocations"
  case allowsInsecureKey = "Credentials.Files.allowsInsecureKey"
}

extension SettingName: CustomStringConvertible {
  package var description: String { rawValue }
}
