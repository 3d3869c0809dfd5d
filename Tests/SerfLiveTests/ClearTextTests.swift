import MemoryTransport
import Serf
import SerfTestSupport
import Testing

/// The counterpart of `SecrecyTests`, which shows that its search finds what is on the wire.
@Suite struct ClearTextTests {
  @Test("over an unencrypted transport the same texts are on the wire, and the search finds them")
  func clear() async throws {
    let hub = MemoryHub()
    var nodes: [SerfNode] = []
    for name in MarkedTexts.names {
      let node = try SerfNode(transport: hub.transport(), configuration: SerfConfiguration.test(name, tags: MarkedTexts.tags))
      try await node.start()
      if let first = nodes.first { try await node.join([first.localAddress().description]) }
      nodes.append(node)
    }
    try await nodes[1].userEvent(MarkedTexts.event, payload: MarkedTexts.payload)
    try await nodes[2].setTags(MarkedTexts.changedTags)
    for marker in MarkedTexts.markers {
      try await eventually("\(marker) is recorded") { hub.recorded.contains { $0.contains(marker) } }
    }
    for node in nodes { await node.shutdown() }
  }
}
