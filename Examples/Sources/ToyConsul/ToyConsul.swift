import Foundation
import Serf

/// A small registry of services: each node says what runs there, and each node knows all of it. `toyconsul.sh` shows it.
///
/// All files are in the current directory: the certificates, and each agent's socket and snapshot.
@main
struct ToyConsul {
  static let usage = """
    usage: toyconsul certs NAME...                     ca.pem, and NAME.pem and NAME.key; name all nodes at once
           toyconsul start NAME ADDRESS:PORT           runs the agent of a node until Ctrl-C; it then leaves the cluster
           toyconsul join NAME ADDRESS:PORT            takes this node's agent into the cluster of the node at that address
           toyconsul register NAME SERVICE ADDRESS     a service runs at this node
           toyconsul deregister NAME SERVICE           it does not run there any more
           toyconsul list NAME                         all services that this node knows
    All files are in the current directory, and each command finds an agent by its socket there, NAME.sock.
    """

  static func main() async {
    let words = Array(CommandLine.arguments.dropFirst())
    guard words.first != "help", !words.contains("-h"), !words.contains("--help") else { return print(usage) }
    do {
      switch (words.first, words.count) {
      case ("certs", 2...): try makeCertificates(for: words.dropFirst())
      case ("start", 3): try await start(words[1], at: words[2])
      case ("join", 3): try await ask(words[1], .join(address: words[2]))
      case ("register", 4): try await ask(words[1], .register(service: words[2], address: words[3]))
      case ("deregister", 3): try await ask(words[1], .deregister(service: words[2]))
      case ("list", 2): try await ask(words[1], .list)
      case ("certs"?, _), ("start"?, _), ("join"?, _), ("register"?, _), ("deregister"?, _), ("list"?, _):
        throw Refusal(description: "'toyconsul \(words[0])' takes other words than these\n\(usage)")
      case (let verb?, _): throw Refusal(description: "toyconsul has no verb '\(verb)'\n\(usage)")
      default: throw Refusal(description: usage)
      }
    } catch {
      FileHandle.standardError.write(Data("\(error)\n".utf8))
      exit(1)
    }
  }

  private static func start(_ name: String, at address: String) async throws {
    for file in ["ca.pem", "\(name).pem", "\(name).key"] where !FileManager.default.fileExists(atPath: file) {
      throw Refusal(description: "\(file) is not in this directory; 'toyconsul certs' makes it, for all nodes at once")
    }
    // A second agent would take the socket and the snapshot from the first.
    guard await !Socket(of: name).isAnswered() else {
      throw Refusal(description: "an agent runs for \(name) in this directory; stop that one first")
    }
    try await Agent(name: name, bind: address).runUntilSignal()
  }

  private static func ask(_ name: String, _ request: Request) async throws {
    let answer = try await Socket(of: name).ask(request)
    if let error = answer.error { throw Refusal(description: error) }
    for service in answer.services ?? [] { print(service.name, service.address, "at", service.node, service.status) }
  }

  /// For a first try, of a CA that is forgotten at once. `serf certs` is the command for a cluster that grows.
  private static func makeCertificates(for names: some Sequence<String>) throws {
    guard !FileManager.default.fileExists(atPath: "ca.pem") else {
      throw Refusal(description: "ca.pem is there, and its certificates do not fit a new one; remove it, and name all nodes at once")
    }
    let authority = try CertificateAuthority()
    let certificates = try names.map { ($0, try authority.issue(node: $0)) }
    try write(authority.certificatePEM, to: "ca.pem")
    for (name, issued) in certificates {
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
