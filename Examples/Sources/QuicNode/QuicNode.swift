import Logging
import Serf
import ServiceLifecycle

/// A node that fits on one screen: it joins a cluster over QUIC and prints what happens in it.
///
///     serf certs ca && serf certs node a && serf certs node b
///     swift run --package-path Examples --scratch-path .build/examples QuicNode a 127.0.0.1:7946
///     swift run --package-path Examples --scratch-path .build/examples QuicNode b 127.0.0.1:7947 127.0.0.1:7946
///
/// The certificates are read from the current directory. Ctrl-C leaves the cluster.
@main
struct QuicNode {
  static func main() async throws {
    let arguments = CommandLine.arguments.dropFirst()
    guard let name = arguments.first, let bind = arguments.dropFirst().first else {
      print("usage: QuicNode NAME ADDRESS:PORT [JOIN-ADDRESS...]")
      return
    }
    let seeds = Array(arguments.dropFirst(2))

    let credentials = try Credentials(files: .init(authorities: "ca.pem", certificate: "\(name).pem", privateKey: "\(name).key"))
    let transport = try QuicTransport(credentials, bind: bind)
    let node = try SerfNode(transport: transport, configuration: SerfConfiguration(name: name, tags: ["example": "quic-node"]))
    let events = node.events()

    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        // As a service the node leaves the cluster on SIGINT and SIGTERM before the process ends.
        let services = ServiceGroup(services: [node], gracefulShutdownSignals: [.sigint, .sigterm], logger: Logger(label: "example"))
        try await services.run()
      }
      group.addTask {
        for await event in events {
          switch event {
          case .member(let change):
            for member in change.members { print(change.kind, member.name, member.address) }
          case .user(let event): print("user-event", event.name, event.payload.string)
          case .query(let query): print("query", query.name)
          // Later versions have more kinds of events.
          @unknown default: break
          }
        }
      }
      if !seeds.isEmpty { print("joined through", try await node.join(seeds), "of", seeds.count) }
      try await node.userEvent("hello", payload: "from \(name)".utf8)
      try await group.waitForAll()
    }
  }
}
