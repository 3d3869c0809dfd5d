import Foundation
import SerfClient

extension Scenario {
  /// Ours alone: what Go's agents do then is not our concern.
  static let disks = Scenario(
    name: "snapshot-disk", summary: "two of ours keep snapshots on a disk that fills and in a read-only directory, and recover"
  ) { stage in
    guard stage.surroundings.kinds == .mixed else { return stage.report.skipped("snapshots", "the agents are Go's") }
    // The file systems are mounted in the mount namespace of `ip netns exec`, and go with it.
    let small = try SnapshotPlace(on: stage, "small")
    let locked = try SnapshotPlace(on: stage, "locked")
    guard await small.does("mount -t tmpfs -o size=64k tmpfs \"$1\""), await locked.does("mount --bind \"$1\" \"$1\""),
      await locked.does("mount -o remount,ro,bind \"$1\"")
    else { return stage.report.skipped("snapshots", "nothing can be mounted here") }
    // A page has 4,096 bytes, and what fits into the last one is written to a full disk too. These members fill the first but for a line or two.
    let gone = (0..<39).map { "alive: \(String(repeating: "g", count: 78))\($0 + 10) 127.0.0.1:1\n" }.joined()
    try gone.write(toFile: small.snapshot, atomically: false, encoding: .utf8)

    let first = try await stage.start(stage.settings("small", small))
    let second = try await stage.start(stage.settings("locked", locked, join: first))
    let both = [first, second]
    await stage.check("the read-only directory is in the log", at: [second]) {
      second.missing("cannot write the snapshot") ?? second.missing("Read-only file system")
    }
    await stage.check("the disk fills", at: [first]) {
      await small.does("! head -c 65536 /dev/zero >\"$1/filler\"") ? nil : "there is room"
    }
    await stage.check("the full disk is in the log", within: .seconds(25), at: [first]) {
      try await first.client.userEvent("filling", payload: [], coalesce: false)
      return first.missing("cannot write the snapshot") ?? first.missing("No space left on device")
    }
    for agent in both { try await agent.client.userEvent("from-\(agent.label)", payload: [], coalesce: false) }
    await stage.check("events cross meanwhile", at: both) {
      both.lazy.compactMap { $0.missing("user-event: from-small") ?? $0.missing("user-event: from-locked") }.first
    }
    await stage.check("each has said so once", within: .zero, at: both) {
      both.allSatisfy { $0.program.output.ranges(of: "cannot write the snapshot").count == 1 } ? nil : "more than one line"
    }
    await stage.check("there is room again", at: both) {
      await small.does("rm -f \"$1/filler\"") ? await locked.does("umount \"$1\"") ? nil : "it is still locked" : "the file stays"
    }
    await stage.check("both files are written again", within: .seconds(45), at: both) {
      both.lazy.compactMap { $0.missing("the snapshot is written again, and complete") }.first
    }
    await stage.kill(both)

    let reborn = [try await stage.start(first.settings), try await stage.start(second.settings.alone)]
    await stage.check("both find each other by their snapshots", at: reborn) { try await listing(at: reborn, alive: reborn) }
    await stage.check("the files are whole, and what was heard is not heard again", within: .zero, at: reborn) {
      for agent in reborn {
        for word in ["damaged", "cut off", "user-event: "] where agent.program.output.contains(word) { return "\(agent.label): \(word)" }
      }
      return nil
    }
    _ = await small.does("umount -l \"$1\"")
  }
}

/// A directory of the scenario, as a place for a snapshot.
private struct SnapshotPlace: Sendable {
  let path: String
  private let log: URL
  var snapshot: String { path + "/snapshot" }

  init(on stage: Stage, _ name: String) throws {
    path = stage.directory.appendingPathComponent(name).path
    log = stage.directory.appendingPathComponent("\(name).commands.log")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  /// Runs a command of the shell about it; `$1` is the directory.
  func does(_ command: String) async -> Bool {
    guard let program = try? Program("/bin/sh", ["-c", command, "sh", path], log: log) else { return false }
    return await program.ended(within: .seconds(10)) == 0
  }
}

extension Stage {
  fileprivate func settings(_ label: String, _ place: SnapshotPlace, join: Agent? = nil) -> Agent.Settings {
    var settings = Agent.Settings(label: label, kind: .ours, name: label, place: self.place(.ipv4))
    settings.flags = ["-snapshot", place.snapshot]
    settings.join = join.map { [$0.settings.place.reach] } ?? []
    return settings
  }
}

extension Agent {
  /// Nil if the log has this text.
  fileprivate func missing(_ text: String) -> String? { program.output.contains(text) ? nil : "\(label) does not say: \(text)" }
}

extension Agent.Settings {
  /// Without addresses to join.
  fileprivate var alone: Self {
    var settings = self
    settings.join = []
    return settings
  }
}
