import Serf

let credentials = try Credentials(files: .init(authorities: "ca.pem", certificate: "web-3.pem", privateKey: "web-3.key"))
let transport = try QuicTransport(credentials, bind: "127.0.0.1:7948")
let node = try SerfNode(transport: transport, configuration: SerfConfiguration(name: "web-3"))
let events = node.events()
try await node.join(["127.0.0.1:7946"])  // starts the node
try await node.userEvent("hello", payload: "from web-3".utf8)
for await case .member(let change) in events {
  for member in change.members { print(change.kind, member.name, member.address) }
}
