import Serf
import SerfAgent
import Testing

/// What `serf info` gets from a real node.
@Suite struct InfoTests {
  @Test("every figure of the statistics is in one section of serf info, and nothing else but whether traffic is encrypted")
  func sections() async throws {
    let node = try SerfNode(
      transport: NetTransport(bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0)), configuration: SerfConfiguration(name: "a", profile: .local))
    try await node.start()
    let (sections, figures) = (try await node.sections(), try await node.statistics().figures)
    await node.shutdown()
    let printed = sections.flatMap { section, values in values.keys.map { "\(section) \($0)" } }
    #expect(printed.sorted() == (figures.map { "\($0.section) \($0.key)" } + ["serf encrypted"]).sorted())
    #expect(sections["serf"]?["members"] == "1" && sections["serf"]?["encrypted"] == "false")
    #expect(sections["events"]?["member_joins"] == "1")
  }
}
