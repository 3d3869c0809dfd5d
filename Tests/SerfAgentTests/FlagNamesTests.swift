import Logging
import Serf
import SerfAgent
import SerfPrimitives
import Testing

@Suite("settings that become flags")
struct FlagNamesTests {
  @Test(
    "the name of a setting becomes the agent's flag, and nothing else changes",
    arguments: [
      ("give it one (SerfConfiguration.advertise), or bind it", "give it one (-advertise), or bind it"),
      ("SerfConfiguration.name", "-node"),
      ("set NetTransport.Settings.sealsOutgoing=false.", "set -encrypt-verify-outgoing=false."),
      ("the same Settings.keyring. Then Credentials.Files.privateKey", "the same -encrypt or -keyring-file. Then -tls-key"),
      ("ünï Credentials.cluster: ünï", "ünï -cluster: ünï"),
      ("ends.with a.dot. ", "ends.with a.dot. "),
      (
        "MySerfConfiguration.name SerfConfiguration.names web-1.example.com.",
        "MySerfConfiguration.name SerfConfiguration.names web-1.example.com."
      ),
      ("10.0.0.1:7946 and [::1]", "10.0.0.1:7946 and [::1]"), ("", ""),
    ])
  func text(library: String, command: String) {
    #expect(flagged(library) == command)
  }

  @Test("each setting that texts name exists in the library", arguments: SettingName.allCases)
  func settingsExist(setting: SettingName) throws {
    guard let path = path(of: setting) else { return }
    // The module's name is in front.
    let type = String(reflecting: type(of: path).rootType).split(separator: ".").dropFirst().joined(separator: ".")
    let names = setting.rawValue.split(separator: ".")
    // Those of the snapshot are settings of a group.
    let members = [.snapshot, .rejoinAfterLeave].contains(setting) ? 2 : 1
    #expect("\(type).".hasSuffix("\(names.dropLast(members).joined(separator: "."))."), "\(type)")
    // The key path of a computed property has no name.
    if setting != .cluster { #expect("\(path)".split(separator: ".").suffix(members) == names.suffix(members), "\(path)") }
  }

  /// Nil for what this build does not have.
  private func path(of setting: SettingName) -> AnyKeyPath? {
    switch setting {
    case .name: return \SerfConfiguration.name
    case .advertise: return \SerfConfiguration.advertise
    case .allowedNetworks: return \SerfConfiguration.allowedNetworks
    case .snapshot: return \SerfConfiguration.snapshot.path
    case .rejoinAfterLeave: return \SerfConfiguration.snapshot.rejoinAfterLeave
    case .queryTimeout: return \SerfQuery.Options.timeout
    case .label: return \NetTransport.Settings.label
    case .sealsOutgoing: return \NetTransport.Settings.sealsOutgoing
    case .verifiesIncoming: return \NetTransport.Settings.verifiesIncoming
    case .allowsClearPackets:
      #if TLS
        return \TLSTransport.Settings.allowsClearPackets
      #else
        return nil
      #endif
    case .keyring: return \NetTransport.Settings.keyring
    case .cluster: return \Credentials.cluster
    case .authorities: return \Credentials.Files.authorities
    case .certificate: return \Credentials.Files.certificate
    case .privateKey: return \Credentials.Files.privateKey
    case .revocations: return \Credentials.Files.revocations
    case .allowsInsecureKey: return \Credentials.Files.allowsInsecureKey
    }
  }

  @Test("the agent's errors and its log have flags")
  func places() async {
    #expect(AgentFailure("set SerfConfiguration.allowedNetworks").description == "set -allow")
    let log = AgentLog(console: Console { _ in }, level: .info) { "T" }
    log.logger("serf").warning("set SerfConfiguration.allowedNetworks")
    var lines = log.monitor(.info).makeAsyncIterator()
    #expect(await lines.next() == "T [WARN] serf: set -allow")
  }
}
