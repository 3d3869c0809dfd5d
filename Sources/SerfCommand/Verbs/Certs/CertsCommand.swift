import ArgumentParser
import SerfIdentity

/// `serf certs`: what a node's identity is made of. Go Serf has no such verb.
struct CertsCommand: ParsableCommand, FreeWords {
  static let configuration = CommandConfiguration(
    commandName: "certs", abstract: "Make and check the certificates that nodes prove their names with",
    usage: "serf certs <ca|node|check> [options]",
    discussion: """
      serf certs ca             makes a certificate authority for a cluster
      serf certs node NAME      makes the certificate and private key of one node
      serf certs check FILE...  checks such files as an agent does
      """,
    subcommands: [CertsCACommand.self, CertsNodeCommand.self, CertsCheckCommand.self])

  @Argument(help: .hidden) var words: [String] = []

  func run() throws {
    let problem = words.first.map { "there is no command \(printable($0))" } ?? "a command is missing"
    throw CommandFailure("\(problem); write serf certs ca, serf certs node NAME or serf certs check FILE...")
  }
}

/// The kinds of key that `-key` offers.
enum KeyChoice: String, ExpressibleByArgument, CaseIterable {
  case p256, p384, ed25519, rsa

  var kind: KeyKind {
    switch self {
    case .p256: .p256
    case .p384: .p384
    case .ed25519: .ed25519
    case .rsa: .rsa(bits: 3072)
    }
  }
}

/// Whole days of validity, 1 to 36,500.
struct Days: ExpressibleByArgument {
  let count: Int64

  init(_ count: Int64) { self.count = count }

  init?(argument: String) {
    guard let count = Int64(argument), (1...36_500).contains(count) else { return nil }
    self.count = count
  }

  var defaultValueDescription: String { "\(count)" }
  var duration: Duration { .days(count) }
}

extension CertificateAuthority.Issued {
  /// Writes `NAME.pem` and `NAME.key` into a directory, which is made if it is missing. The key is written first: if the second file fails, no
  /// certificate is left without its key.
  func write(named name: String, into directory: String, overwrite: Bool) throws(CommandFailure) -> (certificate: String, key: String) {
    let base = directory == "." ? name : directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
    let (certificate, key) = (base + ".pem", base + ".key")
    do throws(CredentialsError) {
      try CredentialFile.makeDirectory(directory)
      try CredentialFile.requireFree([certificate, key], overwrite: overwrite)
      try CredentialFile.write(self.key.pem, to: key, mode: 0o600, overwrite: overwrite)
      try CredentialFile.write(certificatePEM, to: certificate, mode: 0o644, overwrite: overwrite)
    } catch {
      guard error.code == .exists, let file = error.file else { throw CommandFailure(error.description) }
      throw CommandFailure("\(file): \(error.cause); remove it, choose another -out, or replace it with -force")
    }
    return (certificate, key)
  }
}

/// Runs `body`; its error becomes the verb's line on standard error.
func orFail<Result, Failure: Error>(about file: String? = nil, _ body: () throws(Failure) -> Result) throws(CommandFailure) -> Result {
  do {
    return try body()
  } catch {
    throw CommandFailure((file.map { "\($0): " } ?? "") + "\(error)")
  }
}
