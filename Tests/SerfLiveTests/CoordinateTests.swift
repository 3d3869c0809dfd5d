import MemoryTransport
import Serf
import SerfTestSupport
import SerfTransport
import Testing

/// The public API of coordinates over the transport in memory.
@Suite("The coordinates of a node") struct CoordinateTests {
  private func error(_ body: () async throws -> Void) async -> SerfError? {
    do { try await body() } catch { return error as? SerfError }
    return nil
  }

  @Test("are learned from probes, and give estimates of round trips between any two members")
  func estimates() async throws {
    let hub = MemoryHub()
    var nodes: [SerfNode] = []
    for name in ["a", "b", "c"] {
      var configuration = SerfConfiguration.test(NodeName(name))
      configuration.probe.interval = .milliseconds(20)
      configuration.coordinates.isEnabled = name != "c"
      nodes.append(try SerfNode(transport: hub.transport(), configuration: configuration))
    }
    #expect(try await nodes[0].coordinate() == .origin)
    for node in nodes.dropFirst() { try await node.join([nodes[0].localAddress().description]) }
    try await eventually("both have measured") {
      for node in nodes.prefix(2) {
        guard try await node.coordinate() != .origin, try await node.cachedCoordinate(of: "a") != nil,
          try await node.cachedCoordinate(of: "b") != nil
        else { return false }
      }
      return true
    }
    let estimate = try await nodes[0].roundTripEstimate(to: "b")
    #expect(estimate > .zero && estimate < .seconds(10))
    #expect(try await nodes[1].roundTripEstimate(from: "b", to: "a") < .seconds(10))
    #expect(try await nodes[0].cachedCoordinate(of: "c") == nil)
    let unknown = await error { _ = try await nodes[0].roundTripEstimate(to: "c") }
    #expect(unknown?.code == .noCoordinate && unknown?.message.contains("no coordinate of 'c' is known") == true)
    let off = await error { _ = try await nodes[2].coordinate() }
    #expect(off?.code == .disabled && off?.message.contains("SerfConfiguration.coordinates.isEnabled") == true)
    #expect(await error { _ = try await nodes[2].cachedCoordinate(of: "a") }?.code == .disabled)
    #expect(await error { _ = try await nodes[2].roundTripEstimate(to: "a") }?.code == .disabled)
    for node in nodes { await node.shutdown() }
    #expect(await error { _ = try await nodes[0].coordinate() }?.code == .state)
  }
}
