import Foundation
import MemoryTransport
import Serf
import SerfCore
import SerfTestSupport
import SerfTransport
import Testing

/// Keys of a running cluster, over UDP and TCP on real sockets.
@Suite("the keys of a cluster", .serialized)
final class KeyTests {
  private let directory = FileManager.default.temporaryDirectory.appendingPathComponent("serf-keys-\(UUID().uuidString)")
  private let keys = [SecretKey.generate(), .generate(), .generate()]

  init() throws { try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true) }

  deinit { try? FileManager.default.removeItem(at: directory) }

  private func file(_ name: NodeName) -> String { directory.appendingPathComponent("\(name).keyring").path }

  private func node(
    _ name: NodeName, ring: Keyring?, file: String? = nil, _ adjust: (inout NetTransport.Settings) -> Void = { _ in }
  ) async throws -> SerfNode {
    var settings = NetTransport.Settings()
    settings.keyring = ring
    adjust(&settings)
    var configuration = SerfConfiguration.test(name)
    configuration.keyringFile = file
    let transport = NetTransport(bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0), settings: settings)
    let node = try SerfNode(transport: transport, configuration: configuration)
    try await node.start()
    return node
  }

  /// Three nodes with one key, and their rings.
  private func cluster() async throws -> (nodes: [SerfNode], rings: [Keyring]) {
    var (nodes, rings): ([SerfNode], [Keyring]) = ([], [])
    for name in ["a", "b", "c"] as [NodeName] {
      rings.append(Keyring(keys[0]))
      nodes.append(try await node(name, ring: rings[rings.count - 1], file: file(name)))
      if nodes.count > 1 { #expect(try await nodes[nodes.count - 1].join([nodes[0].localAddress().description]) == 1) }
    }
    for node in nodes { try await node.waitForMembers(within: .seconds(20)) { $0.alive.count == 3 } }
    return (nodes, rings)
  }

  private func lines(_ name: NodeName) -> [String] {
    ((try? String(contentsOfFile: file(name), encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
  }

  @Test("are changed without a restart: live rings, durable files, and events on the way")
  func rotation() async throws {
    let (nodes, rings) = try await cluster()
    let events = nodes[2].userEvents()
    let install = try await nodes[0].keys.install(keys[1])
    #expect(install.isComplete && install.nodes == 3 && install.answers == 3 && install.problem == nil, "\(install)")
    #expect(rings.allSatisfy { $0.keys == [keys[0], keys[1]] })
    for name in ["a", "b", "c"] as [NodeName] {
      #expect(lines(name) == ["[", "  \"\(keys[0].base64)\",", "  \"\(keys[1].base64)\"", "]"], "at \(name)")
    }
    try await nodes[1].userEvent("first")
    #expect(try await nodes[1].keys.use(keys[1]).isComplete)
    #expect(rings.allSatisfy { $0.keys == [keys[1], keys[0]] })
    for name in ["a", "b", "c"] as [NodeName] {
      #expect(lines(name) == ["[", "  \"\(keys[1].base64)\",", "  \"\(keys[0].base64)\"", "]"], "at \(name)")
    }
    let listed = try await nodes[2].keys.list()
    #expect(listed.keys == [keys[0].base64: 3, keys[1].base64: 3] && listed.primaryKeys == [keys[1].base64: 3] && listed.isComplete)
    #expect(try await nodes[2].keys.remove(keys[0]).isComplete)
    for name in ["a", "b", "c"] as [NodeName] { #expect(lines(name) == ["[", "  \"\(keys[1].base64)\"", "]"], "at \(name)") }
    try await nodes[1].userEvent("second")
    var heard: [String] = []
    for await event in events {
      heard.append(event.name)
      if heard.count == 2 { break }
    }
    #expect(heard == ["first", "second"])
    // A node that has only the new key can join, and one with the old key cannot.
    let late = try await node("d", ring: Keyring(keys[1]))
    #expect(try await late.join([nodes[0].localAddress().description]) == 1)
    for node in nodes + [late] { await node.shutdown() }
  }

  @Test("stay where an operation makes no sense, and each member says why")
  func refusals() async throws {
    let (nodes, rings) = try await cluster()
    let absent = try await nodes[0].keys.use(keys[2])
    #expect(absent.problem == "3/3 nodes reported failure" && !absent.isComplete)
    #expect(absent.messages == ["a": Self.absent, "b": Self.absent, "c": Self.absent])
    let primary = try await nodes[0].keys.remove(keys[0])
    #expect(primary.errors == 3 && primary.messages["b"] == "Removing the primary key is not allowed")
    #expect(try await nodes[0].keys.remove(keys[2]).isComplete, "a key that no member has is removed already")
    #expect(try await nodes[0].keys.install(keys[0]).isComplete)
    #expect(rings.allSatisfy { $0.keys == [keys[0]] })
    // A key of a wrong length comes from another program: ours cannot make one.
    let short = try await nodes[0].keyOperation(KeyOperation(.install, key: [1, 2, 3])).report
    #expect(short.messages.values.allSatisfy { $0 == "key size must be 16, 24 or 32 bytes" } && short.errors == 3)
    for node in nodes { await node.shutdown() }
  }

  private static let absent = "Requested key is not in the keyring"

  @Test("stay where the file cannot be written: the member says so, and its ring is as it was")
  func unwritableFile() async throws {
    let (good, bad) = (Keyring(keys[0]), Keyring(keys[0]))
    let a = try await node("a", ring: good, file: file("a"))
    let b = try await node("b", ring: bad, file: directory.appendingPathComponent("missing/keyring").path)
    #expect(try await b.join([a.localAddress().description]) == 1)
    for node in [a, b] { try await node.waitForMembers(within: .seconds(20)) { $0.alive.count == 2 } }
    let report = try await a.keys.install(keys[1])
    #expect(report.problem == "1/2 nodes reported failure")
    #expect(report.messages["b"]?.hasPrefix("the keyring is unchanged, because its file cannot be written: ") == true, "\(report.messages)")
    #expect(good.keys == [keys[0], keys[1]] && bad.keys == [keys[0]])
    for node in [a, b] { await node.shutdown() }
  }

  @Test("are limited in number")
  func limit() async throws {
    let ring = try Keyring((0..<64).map { try SecretKey(bytes: [UInt8](repeating: $0, count: 16)) })
    let a = try await node("a", ring: ring)
    let report = try await a.keys.install(keys[0])
    #expect(report.messages["a"] == "the keyring has 64 keys; remove one first" && ring.keys.count == 64)
    await a.shutdown()
  }

  @Test("cannot be changed without a keyring, or while clear text is sent or accepted; no key leaves the node")
  func unsupported() async throws {
    let hub = MemoryHub()
    let memory = try SerfNode(transport: hub.transport(), configuration: .test("m"))
    let clear = try await node("a", ring: nil)
    let step = try await node("b", ring: Keyring(keys[0])) { $0.verifiesIncoming = false }
    for (node, reason) in [
      (memory, "(encryption not enabled)"), (clear, "(encryption not enabled)"),
      (step, "(clear text is sent or accepted here, so any host could change the keys)"),
    ] {
      for change in [node.keys.install, node.keys.use, node.keys.remove] {
        let error = await #expect(throws: SerfError.self) { try await change(self.keys[1]) }
        #expect(error?.code == .unsupported && error?.message == "No keyring to modify \(reason)")
      }
      #expect(try await node.statistics().figures.first { $0.key == "queries_sent" }?.value == 0)
      let error = await #expect(throws: SerfError.self) { try await node.keys.list() }
      #expect(error?.code == .unsupported && error?.message == "Keyring is empty \(reason)")
      let report = try await node.keyOperation(KeyOperation(.install, key: self.keys[1].bytes)).report
      #expect(report.problem == "1/1 nodes reported failure" && report.messages == [node.name: "No keyring to modify \(reason)"])
      await node.shutdown()
    }
  }

  @Test("changes of one node are made one after the other, and a cancelled one lets the next pass")
  func turns() async throws {
    let ring = Keyring(keys[0])
    let a = try await node("a", ring: ring, file: file("a"))
    let cancelled = Task { [keys] in try await a.keys.install(keys[2]) }
    cancelled.cancel()
    await #expect(throws: CancellationError.self) { try await cancelled.value }
    try await withThrowingTaskGroup(of: KeyReport.self) { group in
      for byte in 1...8 as ClosedRange<UInt8> {
        group.addTask { try await a.keys.install(SecretKey(bytes: [UInt8](repeating: byte, count: 16))) }
      }
      for try await report in group { #expect(report.isComplete) }
    }
    #expect(ring.keys.count >= 9)
    #expect(try Keyring(file: file("a")).keys == ring.keys)
    await a.shutdown()
    await #expect(throws: SerfError.self) { try await a.keys.list() }
  }
}
