import Foundation
import SerfIdentity
import SerfTransport
import Testing

@Suite("a keyring file that is written")
final class KeyringFileWriteTests {
  private let directory = FileManager.default.temporaryDirectory.appendingPathComponent("serf-ring-\(UUID().uuidString)")
  private var path: String { directory.appendingPathComponent("keyring").path }
  private let keys: [SecretKey]

  init() throws {
    keys = try [16, 24, 32].map { try SecretKey(bytes: [UInt8](repeating: UInt8($0), count: $0)) }
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: directory) }

  private var files: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []).sorted() }

  private func mode(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
  }

  @Test("has each key on a line of its own behind two spaces, as Go writes it, and only its owner may read it")
  func layout() throws {
    _ = FileManager.default.createFile(atPath: path, contents: Data("[]".utf8), attributes: [.posixPermissions: 0o644])
    try KeyringFile.write(keys, to: path)
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    #expect(lines == ["[", "  \"\(keys[0].base64)\",", "  \"\(keys[1].base64)\",", "  \"\(keys[2].base64)\"", "]"])
    #expect(try mode(path) == 0o600)
    #expect(files == ["keyring"])
  }

  @Test("is read as the same ring, by our own reader and by JSON's")
  func roundTrip() throws {
    try KeyringFile.write(keys, to: path)
    #expect(try Keyring(file: path).keys == keys)
    let texts = try JSONDecoder().decode([String].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    #expect(texts == keys.map(\.base64))
    try KeyringFile.write([], to: path)
    #expect(throws: (any Error).self) { try Keyring(file: self.path) }
  }

  @Test("stays what a symbolic link leads to, also when an earlier process was killed while it wrote")
  func link() throws {
    let real = directory.appendingPathComponent("real").path
    _ = FileManager.default.createFile(atPath: real, contents: nil)
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: real)
    _ = FileManager.default.createFile(atPath: "\(real).new.\(getpid())", contents: Data("[".utf8))
    try KeyringFile.write(keys, to: path)
    #expect(files == ["keyring", "real"])
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path) == real)
    #expect(try Keyring(file: real).keys == keys)
  }

  @Test("that cannot be written keeps its content, and the error says why")
  func unwritable() throws {
    let nowhere = directory.appendingPathComponent("missing/keyring").path
    let error = #expect(throws: CredentialsError.self) { try KeyringFile.write(self.keys, to: nowhere) }
    #expect(error.map { "\($0)".contains("cannot be written") } == true)
    // A directory of that name cannot be replaced.
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    #expect(throws: CredentialsError.self) { try KeyringFile.write(self.keys, to: self.path) }
    #expect(files == ["keyring"])
  }

  @Test("that is none is refused with the path", arguments: ["", "{}", "[\"abc\"]", "[\"AAAA\"]", "[]"])
  func unusable(text: String) throws {
    _ = FileManager.default.createFile(atPath: path, contents: Data(text.utf8))
    #expect(throws: (any Error).self) { try Keyring(file: self.path) }
  }

  @Test("a ring that has changed since is not replaced")
  func generation() throws {
    let ring = try Keyring([keys[0]])
    let before = ring.snapshot.generation
    ring.install(keys[1])
    #expect(!ring.replace(with: [keys[2]], ifGeneration: before))
    #expect(ring.keys == [keys[0], keys[1]])
    #expect(ring.replace(with: [keys[1]], ifGeneration: ring.snapshot.generation))
    #expect(ring.primary == keys[1] && ring.generation == before + 2)
  }
}
