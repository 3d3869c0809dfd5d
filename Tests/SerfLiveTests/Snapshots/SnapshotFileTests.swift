import Foundation
import Serf
import SerfCore
import Testing

/// The file on the disk.
@Suite("A snapshot file")
struct SnapshotFileTests {
  /// A directory of its own, which is removed in the end.
  private final class Directory {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("serf-snapshot-\(UUID().uuidString)").path
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
    var files: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }
    func text(_ name: String = "snapshot") throws -> String { try String(contentsOfFile: path + "/" + name, encoding: .utf8) }
    func mode(_ name: String = "snapshot") throws -> Int {
      try #require(try FileManager.default.attributesOfItem(atPath: path + "/" + name)[.posixPermissions] as? Int)
    }
  }

  private let directory: Directory
  private var path: String { directory.path + "/snapshot" }

  init() throws { directory = try Directory() }

  private var state: SnapshotState {
    var state = SnapshotState()
    state.memberTime = 5
    return state
  }

  private func failure(_ result: Result<Int, SnapshotFailure>) -> String? {
    if case .failure(let failure) = result { failure.reason } else { nil }
  }

  @Test("is made anew beside the old one, keeps its mode, and gets lines at its end")
  func written() throws {
    let file = SnapshotFile(path: path)
    #expect(try file.read() == nil)
    let size = try file.perform(.replace(state, hasLeft: false)).get()
    #expect(try directory.text().hasPrefix("clock: 5\n# crc32=") && directory.text().utf8.count == size)
    #expect(try directory.mode() & 0o600 == 0o600)
    #expect(try file.perform(.append(Array("clock: 6\n".utf8), isDurable: true)).get() == size + 9)
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
    let isRoot = geteuid() == 0
    if isRoot { #expect(chown(path, 65_534, 65_534) == 0) }
    let next = SnapshotFile(path: path)
    #expect(try next.read() == Array(directory.text().utf8))
    _ = try next.perform(.replace(state, hasLeft: true)).get()
    #expect(try directory.text().contains("\nleave\n") && directory.mode() == 0o640 && directory.files == ["snapshot"])
    let owner = try FileManager.default.attributesOfItem(atPath: path)[.ownerAccountID] as? Int
    #expect(owner == (isRoot ? 65_534 : Int(geteuid())))
  }

  @Test("that is a symbolic link stays one")
  func link() throws {
    try FileManager.default.createDirectory(atPath: directory.path + "/elsewhere", withIntermediateDirectories: true)
    try Data("clock: 1\n".utf8).write(to: URL(fileURLWithPath: directory.path + "/elsewhere/file"))
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "elsewhere/file")
    _ = try SnapshotFile(path: path).perform(.replace(state, hasLeft: false)).get()
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path) == "elsewhere/file")
    #expect(try directory.text("elsewhere/file").hasPrefix("clock: 5\n"))
  }

  @Test("that someone removes gets no more lines, so that none is lost: it is made anew")
  func removed() throws {
    let file = SnapshotFile(path: path)
    #expect(failure(file.perform(.append([], isDurable: false))) == "it is not open")
    _ = try file.perform(.replace(state, hasLeft: false)).get()
    try FileManager.default.removeItem(atPath: path)
    #expect(failure(file.perform(.append([10], isDurable: false))) == "it was removed, or another node writes there")
    _ = try file.perform(.replace(state, hasLeft: false)).get()
    #expect(try directory.files == ["snapshot"])
  }

  @Test("that cannot be made, because its directory is none any more, is a failure and no crash; later it is made")
  func noDirectory() throws {
    let parent = directory.path + "/parent"
    try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    let file = SnapshotFile(path: parent + "/snapshot")
    #expect(try file.read() == nil)
    try FileManager.default.removeItem(atPath: parent)
    try Data().write(to: URL(fileURLWithPath: parent))
    #expect(failure(file.perform(.replace(state, hasLeft: false))) == "Not a directory")
    try FileManager.default.removeItem(atPath: parent)
    try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    #expect(try file.perform(.replace(state, hasLeft: false)).get() > 0)
  }

  @Test("that cannot be replaced stays as it was, and is replaced when that is possible")
  func notReplaced() throws {
    let file = SnapshotFile(path: path)
    _ = try file.perform(.replace(state, hasLeft: false)).get()
    let old = try directory.text()
    // Something is where the new file is to be written.
    try FileManager.default.createDirectory(atPath: path + ".compact", withIntermediateDirectories: true)
    var newer = state
    newer.memberTime = 6
    #expect(failure(file.perform(.replace(newer, hasLeft: false))) == "Is a directory")
    #expect(try directory.text() == old && SnapshotFile(path: path).read() == Array(old.utf8))
    // Lines go on to the old one.
    _ = try file.perform(.append(Array("clock: 6\n".utf8), isDurable: false)).get()
    #expect(try directory.text() == old + "clock: 6\n")
    try FileManager.default.removeItem(atPath: path + ".compact")
    _ = try file.perform(.replace(newer, hasLeft: false)).get()
    #expect(try directory.text().hasPrefix("clock: 6\n# crc32=") && directory.files == ["snapshot"])
  }

  @Test("that a Go agent had no time to rename is read where it is")
  func unrenamed() throws {
    try Data("clock: 9\n".utf8).write(to: URL(fileURLWithPath: path + ".compact"))
    #expect(try SnapshotFile(path: path).read() == Array("clock: 9\n".utf8))
  }

  @Test("can neither be in a directory that does not exist, nor be a directory or a pipe")
  func unusable() throws {
    try Data().write(to: URL(fileURLWithPath: directory.path + "/file"))
    #expect(mkfifo(directory.path + "/pipe", 0o600) == 0)
    for path in [directory.path + "/none/snapshot", directory.path + "/file/snapshot", directory.path, directory.path + "/pipe"] {
      #expect(throws: SnapshotFile.Unusable.self, "\(path)") { try SnapshotFile(path: path).read() }
    }
  }
}
