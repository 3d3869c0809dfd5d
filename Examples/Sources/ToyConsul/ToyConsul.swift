import Foundation
import Serf

/// A small registry of services: each node says what runs there, and each node knows all of it. `toyconsul.sh` shows it.
///
/// All files are in the current directory: the certificates, and each agent's socket and snapshot.
@main
struct ToyConsul {
  static let usage = """
    usage: toyconsul certs NAME...                     ca.pem, and NAME.pem and NAME.key for each node
           toyconsul start NAME ADDRESS:PORT           the agent of a node
           toyconsul join NAME ADDRESS:PORT            takes this node's agent into the cluster of another one
           toyconsul register NAME SERVICE ADDRESS     a service runs at this node
           toyconsul deregister NAME SERVICE           and now no more
           toyconsul list NAME                         all services that this node knows
    """

  static func main() async {
    let words = Array(CommandLine.arguments.dropFirst())
    do {
      switch (words.first, words.count) {
      case ("certs", 2...): try makeCertificates(for: words.dropFirst())
      case ("start", 3): try await Agent(name: words[1], bind: words[2]).runUntilSignal()
      case ("join", 3): try await ask(words[1], .join(address: words[2]))
      case ("register", 4): try await ask(words[1], .register(service: words[2], address: words[3]))
      case ("deregister", 3): try await ask(words[1], .deregister(service: words[2]))
      case ("list", 2): try await ask(words[1], .list)
      default: throw Refusal(description: usage)
      }
    } catch {
      FileHandle.standardError.write(Data("\(error)\n".utf8))
      exit(1)
    }
  }

  private static func ask(_ name: String, _ request: Request) async throws {
    let answer = try await Socket(of: name).ask(request)
    if let error = answer.error { throw Refusal(description: error) }
    for service in answer.services ?? [] { print(service.name, service.address, "at", service.node, service.status) }
  }

  /// For a first try, of a CA that is forgotten at once. `serf certs` is the command for a cluster that grows.
  private static func makeCertificates(for names: some Sequence<String>) throws {
    let authority = try CertificateAuthority()
    try write(authority.certificatePEM, to: "ca.pem")
    for name in names {
      let issued = try authority.issue(node: name)
      try write(issued.certificatePEM, to: "\(name).pem")
      try write(issued.privateKeyPEM, to: "\(name).key")
    }
  }

  private static func write(_ bytes: [UInt8], to file: String) throws {
    guard FileManager.default.createFile(atPath: file, contents: Data(bytes), attributes: [.posixPermissions: 0o600]) else {
      throw Refusal(description: "\(file) cannot be written")
    }
  }
}
