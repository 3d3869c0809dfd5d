import ArgumentParser
import SerfIdentity
import SerfPrimitives

/// `serf certs node`: a certificate and key for one node.
struct CertsNodeCommand: FlagsAnywhere {
  static let configuration = CommandConfiguration(
    commandName: "node", abstract: "Makes the certificate and private key of one node", usage: "serf certs node <name> [options]",
    discussion: "Writes NAME.pem and NAME.key (mode 600). Take both, and the CA's certificate, to the node.")

  @Argument(help: "The node's name: 1 to 128 characters of A-Z a-z 0-9 . _ -") var name: [String] = []
  @Option(help: "The authority's certificate (default: ca.pem in the directory of -out).") var ca: String?
  @Option(help: "The authority's private key (default: the file of -ca with .key for .pem).") var caKey: String?
  @Option(help: "The cluster's name (default: the one that the authority was made for).") var cluster: String?
  @Option(help: "How many days the certificate is valid; never longer than the authority.") var days = Days(365)
  @Option(help: "The kind of key: p256, p384, ed25519 or rsa.") var key = KeyChoice.p256
  @Option(help: "The directory to write to; made if it is missing.") var out = "."
  @Flag(help: "Replace files that exist.") var force = false

  func run() throws {
    guard let node = name.first, name.count == 1 else {
      throw CommandFailure(
        name.isEmpty
          ? "a node name is missing; write serf certs node NAME" : "one node name is expected, not \(name.count); run it once for each")
    }
    let authorityFile = ca ?? (out == "." ? "ca.pem" : out + "/ca.pem")
    let keyFile = caKey ?? (authorityFile.hasSuffix(".pem") ? String(authorityFile.dropLast(4)) : authorityFile) + ".key"
    let (certificatePEM, privateKey) = try orFail { () throws(CredentialsError) in
      (
        try CredentialFile.read(authorityFile, what: "CA", setting: "-ca"),
        try CredentialFile.readSecret(keyFile, what: "CA key", setting: "-ca-key", privacy: .secret(escape: nil))
      )
    }
    let authority = try orFail(about: authorityFile) { () throws(IssuingError) in
      try CertificateAuthority(certificatePEM: certificatePEM, privateKey: privateKey)
    }
    let cluster = cluster ?? authority.issuingCluster
    let issued = try orFail(about: printable(node)) {
      try authority.issue(node: node, cluster: cluster, validFor: days.duration, key: key.kind)
    }
    // Checks whether a peer with this authority would accept the certificate, before an operator copies files to nodes.
    try orFail(about: authorityFile) { () throws(CredentialsError) in
      _ = try Credentials.check(
        pem: .init(authorities: certificatePEM, certificate: issued.certificatePEM, privateKey: []), privateKey: issued.key,
        files: .init(authorities: "CA", certificate: "certificate", privateKey: "key"), cluster: cluster, mode: .uri, expecting: nil,
        at: .now)
    }
    let files = try issued.write(named: node, into: out, overwrite: force)
    Terminal.output(
      Columns.text([
        [files.certificate, "node '\(node)' of cluster '\(cluster)', valid until \(issued.expiry)"],
        [files.key, "its private key: for this node only"],
      ]))
  }
}
