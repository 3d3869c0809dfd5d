import SerfCommand
import SerfIdentity
import SerfPrimitives
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// `serf certs`, run as the command line runs it.
@Suite("serf certs")
final class CertsCommandTests {
  let directory: String

  init() throws {
    var template = Array("/tmp/serf-certs-XXXXXX".utf8CString)
    directory = try #require(mkdtemp(&template).map { String(cString: $0) })
  }

  deinit {
    for name in ["ca", "n1", "n2"] {
      for suffix in ["pem", "key"] { unlink("\(directory)/\(name).\(suffix)") }
    }
    rmdir(directory)
  }

  func serf(_ arguments: String...) async -> Int32 { await Frame.run(["certs"] + arguments) }

  func path(_ name: String) -> String { "\(directory)/\(name)" }

  func mode(_ name: String) -> UInt32 {
    var status = stat()
    return stat(path(name), &status) == 0 ? status.st_mode & 0o777 : 0
  }

  @Test("makes an authority and nodes that an agent accepts, flags before or after the name")
  func roundTrip() async throws {
    #expect(await serf("ca", "-cluster=prod", "--out", directory) == 0)
    #expect(await serf("node", "n1", "-out", directory) == 0)
    #expect(await serf("node", "-out=\(directory)", "-key", "ed25519", "n2") == 0)
    for node in ["n1", "n2"] {
      let credentials = try Credentials(
        files: .init(authorities: path("ca.pem"), certificate: path("\(node).pem"), privateKey: path("\(node).key")),
        cluster: "prod", expecting: node)
      #expect(credentials.cluster == "prod")
      #expect(mode("\(node).key") == 0o600)
      #expect(mode("\(node).pem") == 0o644)
    }
    #expect(mode("ca.key") == 0o600)
    #expect(await serf("check", path("ca.pem"), path("n1.pem"), path("n1.key"), path("n2.pem")) == 0)
    #expect(await serf("check", "-tls-ca", path("ca.pem"), "-tls-cert", path("n1.pem"), "-tls-key", path("n1.key"), "-node", "n1") == 0)
    #expect(await serf("check", path("n1.key")) == 1, "alone, a key cannot be checked")
  }

  @Test("never replaces a file unless told to")
  func overwriting() async throws {
    #expect(await serf("ca", "-out", directory) == 0)
    let before = try CredentialFile.read(path("ca.key"), what: "", setting: "")
    #expect(await serf("ca", "-out", directory) == 1)
    #expect(try CredentialFile.read(path("ca.key"), what: "", setting: "") == before)
    #expect(await serf("ca", "-out", directory, "-force") == 0)
    #expect(try CredentialFile.read(path("ca.key"), what: "", setting: "") != before)
  }

  @Test(
    "refuses what makes no sense",
    arguments: [
      [], ["nod"], ["node"], ["node", "a", "b"], ["node", "a b"], ["ca", "-days", "0"], ["ca", "-days", "x"], ["ca", "-key", "dsa"],
      ["ca", "-cluster", "a/b"], ["ca", "extra"], ["check"], ["check", "/nowhere.pem"], ["node", "n1", "-ca", "/nowhere.pem"],
    ])
  func misuse(arguments: [String]) async {
    #expect(
      await Frame.run(["certs"] + arguments + (arguments.first.map { $0 != "check" && $0 != "nod" } ?? false ? ["-out", directory] : []))
        == 1)
  }

  @Test("says which file is refused and why")
  func report() async throws {
    #expect(await serf("ca", "-out", directory) == 0)
    #expect(await serf("node", "n1", "-out", directory, "-days", "10") == 0)
    #expect(await serf("node", "n2", "-out", directory) == 0)
    func report(_ names: String..., cluster: String? = nil, expecting: String? = nil, at time: UTCTime = .now) throws -> CertificateReport {
      var files = CertificateFiles()
      for name in names { try files.add(path(name), allowsInsecureKey: false) }
      return CertificateReport(files, cluster: cluster, mode: .uri, expecting: expecting, at: time)
    }
    let good = try report("ca.pem", "n1.pem", "n1.key", "ca.key")
    #expect(good.problems.isEmpty)
    #expect(good.text.contains("  node        n1\n"))
    #expect(good.json.text.contains("\"accepted\": true"))

    #expect(try report("ca.pem", "n1.pem", at: .now + .days(11)).problems.map(\.label) == ["expired"])
    #expect(try report("ca.pem", "n1.pem", at: .now - .days(1)).problems.map(\.label) == ["notAnAuthority", "notYetValid"])
    #expect(try report("ca.pem", "n1.pem", cluster: "other").problems.map(\.label) == ["wrongCluster"])
    #expect(try report("ca.pem", "n1.pem", expecting: "n2").problems.map(\.label) == ["nameNotCarried"])
    #expect(try report("ca.pem", "n1.pem", "n2.key").problems.map(\.label) == ["keyMismatch"])
    let alone = try report("n1.pem")
    #expect(alone.problems.map(\.file) == [path("n1.pem")])
    #expect(alone.json.text.contains("\"reason\": \"missing\""))

    chmod(path("n1.key"), 0o644)
    #expect(throws: CredentialsError.self) { try report("ca.pem", "n1.pem", "n1.key") }
  }
}
