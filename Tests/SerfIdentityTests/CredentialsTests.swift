import SerfIdentity
import SerfPrimitives
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@Suite("Credentials")
struct CredentialsTests {
  let directory: TemporaryDirectory
  let files: Credentials.Files

  init() throws {
    directory = try TemporaryDirectory()
    let node = try authority.get().issue(node: "node-1", at: noon)
    files = try Credentials.Files(
      authorities: directory.write("ca.pem", authority.get().certificatePEM, mode: 0o644),
      certificate: directory.write("node.pem", node.certificatePEM, mode: 0o644),
      privateKey: directory.write("node.key", node.privateKeyPEM))
  }

  func load(
    _ change: (inout Credentials.Files) throws -> Void = { _ in }, cluster: String = "default", mode: IdentityMode = .uri,
    expecting: String? = nil, at time: UTCTime = noon
  ) throws -> Credentials {
    var files = files
    try change(&files)
    return try Credentials(files: files, cluster: cluster, mode: mode, expecting: expecting, at: time)
  }

  /// The error, which must name the file concerned, on one line.
  func error(
    naming file: String?, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Credentials
  ) throws -> CredentialsError {
    let thrown = try #require(throws: SerfError.self, sourceLocation: sourceLocation, performing: { _ = try body() })
    #expect(thrown.code == .credentials, sourceLocation: sourceLocation)
    let error = try #require(thrown.cause as? CredentialsError, sourceLocation: sourceLocation)
    #expect(thrown.description == error.description, sourceLocation: sourceLocation)
    #expect(error.file == file, sourceLocation: sourceLocation)
    #expect(error.description.hasPrefix(file.map { "\($0): " } ?? ""), sourceLocation: sourceLocation)
    #expect(!error.description.contains("\n") && !error.nextStep.isEmpty, sourceLocation: sourceLocation)
    return error
  }

  @Test("that fit together load, and know their node")
  func good() throws {
    let credentials = try load(expecting: "node-1")
    #expect(credentials.node == "node-1")
    #expect(credentials.cluster == "default")
    #expect(credentials.identity.expiry == noon + .days(365))
    #expect(try credentials.verify(chain: credentials.identity.chain, at: noon).node == "node-1")
  }

  @Test("name the missing file")
  func missing() throws {
    let absent = directory.path + "/absent"
    #expect(try error(naming: absent) { try load { $0.authorities = absent } }.code == .missing)
    #expect(try error(naming: absent) { try load { $0.certificate = absent } }.code == .missing)
    #expect(try error(naming: absent) { try load { $0.privateKey = absent } }.code == .missing)
    #expect(try error(naming: absent) { try load { $0.revocations = absent } }.code == .missing)
    #expect(try error(naming: directory.path) { try load { $0.certificate = directory.path } }.code == .unreadable)
  }

  @Test("name the file that is empty, not PEM or truncated")
  func broken() throws {
    let empty = try directory.write("empty", [])
    let junk = try directory.write("junk", Array("not PEM at all".utf8))
    #expect(try error(naming: empty) { try load { $0.authorities = empty } }.code == .empty)
    #expect(try error(naming: junk) { try load { $0.authorities = junk } }.code == .notPEM)
    #expect(try error(naming: junk) { try load { $0.certificate = junk } }.code == .notPEM)
    #expect(try error(naming: junk) { try load { $0.privateKey = junk } }.code == .notPEM)
    #expect(try error(naming: junk) { try load { $0.revocations = junk } }.code == .revocationsUnusable)
    for (path, keyPath) in [
      (files.certificate, \Credentials.Files.certificate), (files.privateKey, \.privateKey), (files.authorities, \.authorities),
    ] {
      let bytes = try CredentialFile.read(path, what: "", setting: "")
      for length in [1, 20, bytes.count / 2, bytes.count - 30] {
        let truncated = try directory.write("truncated", Array(bytes.prefix(length)))
        #expect(try error(naming: truncated) { try load { $0[keyPath: keyPath] = truncated } }.code == .notPEM)
      }
    }
  }

  @Test("refuse an encrypted key, and the key of another certificate")
  func keys() throws {
    let other = try directory.write("other.key", authority.get().issue(node: "other", at: noon).privateKeyPEM)
    #expect(try error(naming: other) { try load { $0.privateKey = other } }.code == .keyMismatch)
    for header in ["-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"] {
      let encrypted = try directory.write("encrypted.key", Array("\(header)MIHsMFcG\n-----END-----\n".utf8))
      #expect(try error(naming: encrypted) { try load { $0.privateKey = encrypted } }.code == .keyEncrypted)
    }
  }

  @Test("refuse a key that others can read, unless told otherwise", arguments: [0o640, 0o604, 0o620, 0o601] as [UInt32])
  func keyMode(mode: UInt32) throws {
    let key = try CredentialFile.read(files.privateKey, what: "", setting: "")
    let open = try directory.write("open.key", key, mode: mode)
    let error = try error(naming: open) { try load { $0.privateKey = open } }
    #expect(error.code == .keyReadableByOthers)
    #expect(error.description.contains("chmod 600"))
    #expect(
      try load {
        $0.privateKey = open
        $0.allowsInsecureKey = true
      }.node == "node-1")
  }

  @Test("refuse a certificate that peers would refuse, with its reason")
  func refused() throws {
    let late = noon + .days(366)
    let error = try error(naming: files.certificate) { try load(at: late) }
    #expect(error.code == .refused(.expired(noon + .days(365))))
    #expect(error.description.contains("expired on 2021-09-13 12:26:40 UTC; issue a new one"))
    #expect(
      try self.error(naming: files.certificate) { try load(at: noon - .days(1)) }.code == .refused(.notYetValid(noon - .seconds(300))))
    #expect(try self.error(naming: files.certificate) { try load(cluster: "other") }.code == .refused(.wrongCluster("default")))
    #expect(try self.error(naming: files.certificate) { try load(mode: .dns) }.code == .refused(.severalNames))
    let foreign = try directory.write("foreign.pem", CertificateAuthority(at: noon).certificatePEM)
    let unknown = try self.error(naming: files.certificate) { try load { $0.authorities = foreign } }
    guard case .unknownIssuer? = unknown.code.verificationFailure else {
      Issue.record("another reason")
      return
    }
  }

  @Test("refuse names that cannot be, and a name that the certificate does not carry")
  func names() throws {
    #expect(try error(naming: nil) { try load(cluster: "a/b") }.code == .clusterNotInAlphabet)
    #expect(try error(naming: nil) { try load(cluster: "") }.code == .clusterNotInAlphabet)
    #expect(try error(naming: nil) { try load(expecting: "node 1") }.code == .nameNotInAlphabet)
    #expect(try error(naming: files.certificate) { try load(expecting: "node-2") }.code == .nameNotCarried)
    #expect(try error(naming: files.certificate) { try load(expecting: "NODE-1") }.code == .nameNotCarried)
  }

  @Test("refuse a CA file that holds a node's certificate, or a weak authority's")
  func notAnAuthority() throws {
    #expect(try error(naming: files.certificate) { try load { $0.authorities = $0.certificate } }.code == .notAnAuthority)
    let weak = try CertificateAuthority(key: .rsa(bits: 1024), at: noon)
    let file = try directory.write("weak.pem", weak.certificatePEM)
    #expect(try error(naming: file) { try load { $0.authorities = file } }.code == .notAnAuthority)
  }

  @Test("apply a revocation list, to themselves as well")
  func revocations() throws {
    let root = try authority.get()
    let other = try root.issue(node: "other", at: noon)
    let list = try directory.write("crl.pem", root.revocationList(of: [other], at: noon, nextUpdate: noon + .days(7)))
    let credentials = try load { $0.revocations = list }
    #expect(credentials.revocationsNextUpdate == noon + .days(7))
    #expect(throws: VerificationFailure.revoked) { try credentials.verify(chain: other.chain.der, at: noon) }
    let foreign = try directory.write(
      "foreign.pem", CertificateAuthority(at: noon).revocationList(of: [other], at: noon, nextUpdate: noon + .days(7)))
    #expect(try error(naming: foreign) { try load { $0.revocations = foreign } }.code == .revocationsUnusable)
  }

  @Test("derive the same reset secret from the same key, another from another")
  func resetSecret() throws {
    let first = try load().statelessResetSecret
    #expect(first.count == 32)
    #expect(try load().statelessResetSecret == first)
    let other = try authority.get().issue(node: "node-1", at: noon)
    let renewed = try Credentials(
      pem: .init(
        authorities: authority.get().certificatePEM, certificate: other.certificatePEM, privateKey: other.privateKeyPEM), at: noon)
    #expect(renewed.statelessResetSecret != first)
  }

  @Test("are written to new files only, unless told otherwise")
  func writing() throws {
    let path = directory.path + "/new.key"
    try CredentialFile.write([1], to: path, mode: 0o600, overwrite: false)
    let error = try #require(throws: CredentialsError.self) {
      try CredentialFile.write([2], to: path, mode: 0o600, overwrite: false)
    }
    #expect(error.code == .exists && error.file == path)
    #expect(try CredentialFile.read(path, what: "", setting: "", privacy: .secret(escape: nil)) == [1])
    try CredentialFile.write([3], to: path, mode: 0o600, overwrite: true)
    #expect(try CredentialFile.read(path, what: "", setting: "", privacy: .secret(escape: nil)) == [3])
    let nowhere = directory.path + "/no/such"
    #expect(throws: CredentialsError.self) { try CredentialFile.write([1], to: nowhere, mode: 0o600, overwrite: false) }
  }

  @Test("are read into the memory that their size needs", arguments: [1, 700, CredentialFile.sizeMaximum])
  func size(of count: Int) throws {
    let content = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
    let bytes = try CredentialFile.readSecret(directory.write("file", content), what: "", setting: "", privacy: .secret(escape: nil))
    #expect(bytes.copy == content)
    #expect(bytes.capacity == count + 1)
  }

  @Test("are read from a pipe, which does not say its size")
  func fromPipe() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    defer { close(ends[0]) }
    let content = [UInt8](repeating: 7, count: 3000)
    #expect(write(ends[1], content, content.count) == content.count)
    close(ends[1])
    #expect(try CredentialFile.read("/dev/fd/\(ends[0])", what: "", setting: "") == content)
  }

  @Test("are refused beyond 1 MiB")
  func tooLarge() throws {
    let path = try directory.write("large", [UInt8](repeating: 7, count: CredentialFile.sizeMaximum + 1))
    let error = try #require(throws: CredentialsError.self) {
      try CredentialFile.read(path, what: "the", setting: "Credentials.Files.authorities")
    }
    #expect(error.code == .tooLarge && error.file == path)
  }
}
