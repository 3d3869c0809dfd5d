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

  /// Waits until the file contains this.
  private func has(_ line: String, sourceLocation: SourceLocation = #_sourceLocation) async {
    let deadline = ContinuousClock.now + .seconds(30)
    while !file.contains(line), ContinuousClock.now < deadline { try? await Task.sleep(for: .milliseconds(5)) }
    #expect(file.contains(line), "\(file)", sourceLocation: sourceLocation)
  }

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
    await has("\nevent-clock: 2\n")
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

  private static let needsNamespace = ConditionTrait.enabled("needs a mount namespace") {
    guard let probe = try? await Executable.run(["-m", "true"], path: unshare) else { return false }
    return probe.status == 0
  }

  /// A small disk of its own at the directory, in a mount namespace that a process keeps open, so that it outlives the agents.
  private final class Disk: Sendable {
    private let keeper: Executable
    /// The directory, seen from here.
    let path: String
    var snapshot: String { (try? String(contentsOfFile: path + "/snapshot", encoding: .utf8)) ?? "" }

    init(at directory: String) async throws {
      keeper = try Executable(
        ["-m", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs \"$1\" && echo mounted && exec sleep 600", "sh", directory],
        path: SnapshotTests.unshare)
      path = "/proc/\(keeper.pid)/root\(directory)"
      try #require(await keeper.waits { $0.contains("mounted") }, "\(keeper.standardError)")
    }

    deinit { keeper.signal(SIGKILL) }

    /// Takes all the space that is left.
    func fill() async throws {
      let run = try await Executable.run(["-c", "head -c 65536 /dev/zero >\"$1\"", "sh", path + "/filler"], path: "/bin/sh")
      #expect(run.errors.contains("No space left"), "\(run)")
    }

    func makeRoom() throws { try FileManager.default.removeItem(atPath: path + "/filler") }

    /// Starts an agent that has its snapshot there.
    func start(_ cluster: AgentCluster, _ snapshot: String) async throws -> LiveAgent {
      try await LiveAgent(
        Executable(
          ["-t", String(keeper.pid), "-m", Executable.serf] + cluster.flags("n1") + ["-snapshot", snapshot], path: "/usr/bin/nsenter"),
        ready: "Log data will now stream")
    }
  }

  @Test("whose disk fills while it runs goes on, says so once, and leaves a whole file when there is room at its end", needsNamespace)
  func filled() async throws {
    let cluster = try await AgentCluster("n1")
    let disk = try await Disk(at: directory.path)
    // A page has 4,096 bytes, and what fits into the last one is written to a full disk too. Members that are gone fill the first but for a line or two.
    let gone = (0..<39).map { "alive: \(String(repeating: "g", count: 78))\($0 + 10) 127.0.0.1:1\n" }.joined()
    try gone.write(toFile: disk.path + "/snapshot", atomically: false, encoding: .utf8)
    let agent = try await disk.start(cluster, directory.snapshot)
    try await agent.counts("snapshot_compactions")
    #expect((3_900...4_090).contains(disk.snapshot.utf8.count), "\(disk.snapshot.utf8.count)")
    try await disk.fill()
    var sent = 0
    while !agent.program.standardOutput.contains("cannot write the snapshot"), sent < 100 {
      sent += 1
      #expect(try await agent.command("event", "-coalesce=false", "deploy").status == 0)
    }
    #expect(agent.program.standardOutput.contains("write \(directory.snapshot): No space left on device"))
    // It goes on, and has what was not written.
    #expect(try await agent.command("event", "-coalesce=false", "last").status == 0)
    await agent.logs("user-event: last")
    #expect(agent.program.standardOutput.ranges(of: "cannot write the snapshot").count == 1)
    try disk.makeRoom()
    agent.program.signal(SIGTERM)
    await agent.program.status()
    let left = disk.snapshot
    #expect(left.contains("alive: n1 \(agent.bind)\n") && left.contains("\nevent-clock: \(sent + 1)\n"), "\(left)")
    #expect(left.split(separator: "\n").last?.hasPrefix("# crc32=") == true)
    let again = try await disk.start(cluster, directory.snapshot)
    #expect(try await again.command("info").output.contains("\tevent_time = \(sent + 2)\n"))
    let log = again.program.standardOutput
    for word in ["damaged", "cut off", "cannot"] { #expect(!log.contains(word), "\(log)") }
  }

  @Test(
    "starts and works on a full disk and in a directory that cannot be written to, and says what is wrong", needsNamespace,
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
