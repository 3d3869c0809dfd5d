import ArgumentParser
import SerfIdentity

/// `serf certs ca`: a new authority.
struct CertsCACommand: FlagsAnywhere {
  static let configuration = CommandConfiguration(
    commandName: "ca", abstract: "Makes a certificate authority for a cluster", usage: "serf certs ca [options]",
    discussion: "Writes ca.pem, which every node needs, and ca.key (mode 600), which no node needs: keep it where certificates are issued.")

  @Option(help: "The cluster's name: 1 to 128 characters of A-Z a-z 0-9 . _ -") var cluster = "default"
  @Option(help: "How many days the authority is valid.") var days = Days(3650)
  @Option(help: "The kind of key: p256, p384, ed25519 or rsa.") var key = KeyChoice.p256
  @Option(help: "The directory to write to; made if it is missing.") var out = "."
  @Flag(help: "Replace files that exist.") var force = false

  func run() throws {
    let authority = try orFail { try CertificateAuthority(cluster: cluster, validFor: days.duration, key: key.kind) }
    let files = try authority.issued.write(named: "ca", into: out, overwrite: force)
    Terminal.output(
      Columns.text([
        [files.certificate, "certificate authority of cluster '\(cluster)', valid until \(authority.expiry)"],
        [files.key, "its private key: keep it away from the nodes"],
      ]))
  }
}
