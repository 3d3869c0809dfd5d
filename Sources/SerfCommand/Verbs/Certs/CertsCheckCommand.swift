import ArgumentParser
import SerfIdentity
import SerfPrimitives

/// `serf certs check`: whether an agent would accept these files.
struct CertsCheckCommand: FlagsAnywhere {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Checks certificates, keys and revocation lists as an agent does",
    usage: "serf certs check [<file>...] [options]",
    discussion: """
      The content of a file says what it is, so 'serf certs check certs/*' works; the flags are those of 'serf agent'.
      The exit status is 1 if an agent would refuse anything, with the first reason on standard error.
      """)

  @Argument(help: "PEM files: authorities, certificates, private keys, revocation lists.") var files: [String] = []
  @Option(help: "The authorities' certificates.") var tlsCa: String?
  @Option(help: "The node's certificate.") var tlsCert: String?
  @Option(help: "The node's private key.") var tlsKey: String?
  @Option(help: "Revocation lists of the authorities.") var tlsCrl: String?
  @Option(help: "Where the name stands: uri or dns.") var tlsIdentity = IdentityChoice.uri
  @Flag(help: "Accept a private key that group or others can read.") var tlsKeyInsecure = false
  @Option(help: "The cluster's name (default: the authority's, else 'default').") var cluster: String?
  @Option(help: "The name that the certificate must carry.") var node: String?
  @Option(help: "text or json.") var format = OutputFormat.text

  func run() throws {
    var given = CertificateFiles()
    try orFail { () throws(CredentialsError) in
      for file in files { try given.add(file, allowsInsecureKey: tlsKeyInsecure) }
      if let tlsCa { try given.addAuthorities(tlsCa) }
      if let tlsCert { try given.addCertificate(tlsCert) }
      if let tlsKey { try given.addKey(tlsKey, allowsInsecureKey: tlsKeyInsecure) }
      if let tlsCrl { try given.addRevocations(tlsCrl) }
    }
    guard !given.isEmpty else {
      throw CommandFailure("nothing to check; write serf certs check FILE..., or give -tls-ca, -tls-cert and -tls-key")
    }
    guard given.keys.isEmpty || !given.certificates.isEmpty else {
      throw CommandFailure("\(printable(given.keys[0].file)): a key is checked with the certificate that it belongs to; name that file too")
    }
    guard node == nil || given.certificates.count == 1 else {
      throw CommandFailure("-node needs exactly one node certificate among the files, not \(given.certificates.count)")
    }
    let report = CertificateReport(given, cluster: cluster, mode: tlsIdentity.mode, expecting: node, at: .now)
    Terminal.output(format == .json ? report.json.text : report.text)
    if let problem = report.problems.first { throw CommandFailure(problem.description) }
  }
}

/// The values of `-tls-identity`.
enum IdentityChoice: String, ExpressibleByArgument, CaseIterable {
  case uri, dns

  var mode: IdentityMode { self == .uri ? .uri : .dns }
}
