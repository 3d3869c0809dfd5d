import Foundation
import RPCTestSupport
import Testing

/// `serf agent -snapshot`, with real files, kills and full disks, and in place of Debian's agent.
@Suite("an agent with a snapshot", .serialized)
struct SnapshotTests {
  /// A directory of its own, which is removed in the end.
  private final class Directory: Sendable {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("serf-snapshot-\(UUID().uuidString)").path
    var snapshot: String { path + "/snapshot" }
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  private let directory: Directory

  init() throws { directory = try Directory() }

  private var file: String { (try? String(contentsOfFile: directory.snapshot, encoding: .utf8)) ?? "" }

  @Test("that is killed loses at most half a second, finds the cluster by itself, and gets no event twice")
  func killed() async throws {
    let cluster = try await AgentCluster("n1", "n2")
    let first = try await cluster.start("n1")
    let second = try await cluster.start("n2", "-snapshot", directory.snapshot, "-join", first.bind)
    #expect(second.program.standardOutput.contains("Snapshot: true\n"))
    _ = try await first.command("event", "-coalesce=false", "before")
    await second.logs("user-event: before")
    // A process that is killed loses what is newer than this.
    try await Task.sleep(for: .milliseconds(500))
    second.program.signal(SIGKILL)
    await second.program.status()
    #expect(file.contains("alive: n1 \(first.bind)\n") && file.contains("\nevent-clock: 1\n"), "\(file)")
    let size = file.utf8.count
    let again = try await cluster.start("n2", "-snapshot", directory.snapshot)
    await again.logs("serf: Re-joined to previously known node: n1: \(first.bind)")
    await again.logs("read the snapshot, \(size) bytes in ")
    for agent in [first, again] { try await agent.sees(["n1 alive", "n2 alive"]) }
    _ = try await first.command("event", "-coalesce=false", "after")
    await again.logs("user-event: after")
    #expect(!again.program.standardOutput.contains("user-event: before"))
  }

  @Test("that left stays alone, and goes back with -rejoin")
  func left() async throws {
    let cluster = try await AgentCluster("n1", "n2")
    let first = try await cluster.start("n1")
    let flags = ["-snapshot", directory.snapshot]
    let rejoining = try await cluster.start("n2", "-rejoin", flags[0], flags[1], "-join", first.bind)
    rejoining.program.interrupt()
    #expect(await rejoining.program.status() == 0)
    #expect(file.contains("\nleave\n"))
    let again = try await cluster.start("n2", "-rejoin", flags[0], flags[1])
    await again.logs("serf: Re-joined to previously known node: n1")
    again.program.interrupt()
    #expect(await again.program.status() == 0)
    let alone = try await cluster.start("n2", flags[0], flags[1])
    #expect(!alone.program.standardOutput.contains("previously known"))
    await alone.logs("this node left the cluster in its last run, so it asks none of the members that it had. Join one,")
    #expect(alone.program.standardOutput.contains("or start with -rejoin\n"))
    try await alone.sees(["n2 alive"])
    #expect(try await first.command("members", "-name=n2").output.contains(" left"))
  }

  @Test("is put in the place of Debian's agent and back, and finds the cluster each time")
  func inPlace() async throws {
    func ours(_ node: String, _ bind: String, _ more: String...) async throws -> LiveAgent {
      try await LiveAgent(
        Executable(["agent", "-transport=tcp", "-node", node, "-bind", bind, "-rpc-addr=127.0.0.1:0", "-profile=local"] + more),
        ready: "Log data will now stream")
    }
    let first = try await ours("n1", "127.0.0.1:0")
    let theirs = try await DebianAgent.start("m", ["-snapshot", directory.snapshot, "-join", first.bind])
    _ = try await first.command("event", "-coalesce=false", "one")
    await theirs.logs("user-event: one")
    // Go's agent writes its last lines when it is told to end.
    theirs.program.signal(SIGTERM)
    await theirs.program.status()
    #expect(file.contains("alive: n1 \(first.bind)\n") && !file.contains("crc32"), "\(file)")

    let second = try await ours("m", theirs.bind, "-snapshot", directory.snapshot)
    await second.logs("serf: Re-joined to previously known node: n1: \(first.bind)")
    try await first.sees(["m alive", "n1 alive"])
    _ = try await first.command("event", "-coalesce=false", "two")
    await second.logs("user-event: two")
    #expect(!second.program.standardOutput.contains("user-event: one"))
    try await Task.sleep(for: .milliseconds(500))
    second.program.signal(SIGKILL)
    await second.program.status()

    let third = try await DebianAgent.start("m", ["-snapshot", directory.snapshot, "-bind", second.bind])
    await third.logs("serf: Re-joined to previously known node: n1: \(first.bind)")
    try await first.sees(["m alive", "n1 alive"])
    _ = try await first.command("event", "-coalesce=false", "three")
    await third.logs("user-event: three")
    #expect(!third.program.standardOutput.contains("user-event: two"))
  }

  @Test("does not start where there can be none, and warns of -rejoin without one")
  func unusable() async throws {
    let cluster = try await AgentCluster("n1")
    let run = try await Executable.run(cluster.flags("n1") + ["-snapshot", directory.path + "/none/snapshot"])
    #expect(run.status == 1 && run.errors.contains("No such file or directory") && run.errors.contains("(-snapshot)"), "\(run)")
    let agent = try await cluster.start("n1", "-rejoin")
    #expect(agent.program.standardOutput.contains("==> Warning: 'RejoinAfterLeave' enabled without snapshot file\n"))
    #expect(agent.program.standardOutput.contains("Snapshot: false\n"))
  }

  private static let unshare = "/usr/bin/unshare"

  /// Starts an agent in a mount namespace, after a script that prepares a small file system at `$1`.
  private func start(_ cluster: AgentCluster, after script: String) async throws -> LiveAgent {
    let prepared = "set -e; mount -t tmpfs -o size=16k tmpfs \"$1\"; \(script); shift; exec \"$@\""
    return try await LiveAgent(
      Executable(
        ["-m", "sh", "-c", prepared, "sh", directory.path, Executable.serf] + cluster.flags("n1") + ["-snapshot", directory.snapshot],
        path: Self.unshare),
      ready: "Log data will now stream")
  }

  @Test(
    "starts and works on a full disk and in a directory that cannot be written to, and says what is wrong",
    .enabled("needs a mount namespace") {
      guard let probe = try? await Executable.run(["-m", "true"], path: unshare) else { return false }
      return probe.status == 0
    },
    arguments: [
      ("head -c 16384 /dev/zero > \"$1/filler\"", "No space left on device"),
      ("printf 'clock: 77\\nclo' > \"$1/snapshot\"; mount -o remount,ro \"$1\"", "Read-only file system"),
    ])
  func degraded(script: String, reason: String) async throws {
    let cluster = try await AgentCluster("n1")
    let agent = try await start(cluster, after: script)
    await agent.logs("[ERR] serf: cannot write the snapshot")
    #expect(agent.program.standardOutput.contains(reason), "\(agent.program.standardOutput)")
    #expect(try await agent.command("event", "deploy").status == 0)
    try await agent.counts("snapshot_failures")
    if script.contains("clock: 77") {
      #expect(agent.program.standardOutput.contains("[INFO] serf: cut off 3 bytes at the snapshot's end"))
      #expect(try await agent.command("info").output.contains("\tmember_time = 78\n"))
    }
  }
}
