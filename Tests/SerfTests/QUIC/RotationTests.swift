#if QUIC
  import Memberlist
  import Serf
  import SerfCore
  import SerfIdentity
  import SerfPrimitives
  import SerfTestSupport
  import Testing

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// A cluster changes its authority in three rounds (`secure-transport.md` 1.7), as by SIGHUP at one node after the other.
  @Suite struct RotationTests {
    /// Five nodes with certificates of an old authority, and a new one that no node knows yet.
    private final class Rotation {
      static let names: [NodeName] = ["n1", "n2", "n3", "n4", "n5"]
      let cluster: EmbeddedCluster
      let new: CertificateAuthority
      var old: CertificateAuthority { cluster.authority }
      let stream: EventStream
      let journal = Journal()
      private var oldLeaves: [NodeName: CertificateAuthority.Issued] = [:]
      private var newLeaves: [NodeName: CertificateAuthority.Issued] = [:]

      init(seed: UInt64, eventEvery interval: Duration = .milliseconds(200)) throws {
        stream = EventStream(every: interval)
        cluster = try EmbeddedCluster(seed: seed)
        new = try CertificateAuthority()
        for name in Self.names {
          oldLeaves[name] = try cluster.authority.issue(node: name.description)
          newLeaves[name] = try new.issue(node: name.description)
          let node = try cluster.start(name, credentials: oldLeaf(name, believing: [cluster.authority])) {
            $0.userEvents.bufferSize = 4096
          }
          if node !== cluster.nodes[0] { node.join(cluster.nodes[0].address) }
        }
        try #require(cluster.converge(on: Self.names, within: .seconds(15)))
      }

      func oldLeaf(_ name: NodeName, believing authorities: [CertificateAuthority]) throws -> Credentials {
        try EmbeddedCluster.credentials(try #require(oldLeaves[name]), believing: authorities)
      }

      func newLeaf(_ name: NodeName, believing authorities: [CertificateAuthority]) throws -> Credentials {
        try EmbeddedCluster.credentials(try #require(newLeaves[name]), believing: authorities)
      }

      /// These nodes reload, a second apart, and then time passes.
      func reload(
        _ names: [NodeName] = names, pause: Duration, _ credentials: (NodeName) throws -> Credentials
      ) throws {
        for node in cluster.nodes where names.contains(node.name) {
          try node.rotation.replace(credentials(node.name))
          stream.run(on: cluster.network, for: .seconds(1), from: { cluster.nodes })
        }
        stream.run(on: cluster.network, for: pause, from: { cluster.nodes })
      }
    }

    @Test("three rounds replace the authority while events flow, and no member changes state", arguments: [2, 20, 330])
    func threeRounds(pause seconds: Int) async throws {
      let rotation = try Rotation(seed: 11, eventEvery: seconds > 60 ? .seconds(2) : .milliseconds(200))
      let (old, new, cluster) = (rotation.old, rotation.new, rotation.cluster)
      await rotation.journal.read(cluster.nodes)
      let joins = rotation.journal.all(.join).count
      let pause = Duration.seconds(seconds)
      try rotation.reload(pause: pause) { try rotation.oldLeaf($0, believing: [old, new]) }
      try rotation.reload(pause: pause) { try rotation.newLeaf($0, believing: [old, new]) }
      try rotation.reload(pause: pause) { try rotation.newLeaf($0, believing: [new]) }
      #expect(await rotation.journal.settle(cluster, Rotation.names, rotation.stream.sent, within: .seconds(120)) != nil)
      #expect(rotation.journal.haveSeen(rotation.stream.sent, Rotation.names))
      #expect(rotation.journal.all(.join).count == joins)
      for kind in [MemberEvent.Kind.failed, .leave, .update, .reap] { #expect(rotation.journal.all(kind) == []) }
      #expect(cluster.suspicions == 0)
      // A node with the old authority is a stranger now, and one with the new authority is a member.
      let late = try cluster.start("n6", credentials: cluster.credentials("n6"))
      let refused = late.join(cluster.nodes[0].address)
      cluster.network.advance(by: .seconds(15))
      #expect(!refused.succeeded)
      cluster.kill(late)
      let welcome = try cluster.start("n7", credentials: EmbeddedCluster.credentials(new.issue(node: "n7"), believing: [new]))
      welcome.join(cluster.nodes[0].address)
      #expect(cluster.converge(on: Rotation.names + ["n7"], within: .seconds(10)))
    }

    @Test("a node left on its old certificate is out of contact within 60 s, and its log says why")
    func straggler() async throws {
      let rotation = try Rotation(seed: 12)
      let (old, new, cluster) = (rotation.old, rotation.new, rotation.cluster)
      let straggler = try #require(cluster.nodes.last)
      let others = Array(cluster.nodes.dropLast())
      let names = others.map(\.name)
      try rotation.reload(pause: .seconds(20)) { try rotation.oldLeaf($0, believing: [old, new]) }
      try rotation.reload(names, pause: .seconds(20)) { try rotation.newLeaf($0, believing: [old, new]) }
      #expect(cluster.nodes.allSatisfy { $0.names(.alive) == Rotation.names })
      try rotation.reload(names, pause: .zero) { try rotation.newLeaf($0, believing: [new]) }
      let isOut = rotation.stream.run(on: cluster.network, for: .seconds(56), from: { others }) {
        others.allSatisfy {
          $0.names(.alive) == names && $0.names(.failed) == [straggler.name] && $0.layer.connectionCount(to: straggler.name) == 0
        }
      }
      #expect(isOut)
      #expect(straggler.lines.contains("warning", "peer refused our certificate"))
      // It stays out, and the others stay together.
      await rotation.journal.read(others)
      let failures = rotation.journal.all(.failed).count
      rotation.stream.run(on: cluster.network, for: .seconds(120), from: { others })
      await rotation.journal.read(others)
      #expect(rotation.journal.all(.failed).count == failures)
      #expect(failures == others.count)
      #expect(others.allSatisfy { $0.names(.failed) == [straggler.name] })
    }

    @Test("a truncated file at reload keeps the old credentials", arguments: ["ca.pem", "node.pem", "node.key"])
    func truncatedFile(name: String) throws {
      var template = Array("/tmp/serf-rotation-XXXXXX".utf8CString)
      let directory = try #require(mkdtemp(&template).map { String(cString: $0) })
      let files = Credentials.Files(
        authorities: "\(directory)/ca.pem", certificate: "\(directory)/node.pem", privateKey: "\(directory)/node.key")
      defer {
        for file in [files.authorities, files.certificate, files.privateKey] { unlink(file) }
        rmdir(directory)
      }
      let cluster = try EmbeddedCluster(seed: 13)
      let issued = try cluster.authority.issue(node: "n1")
      let contents = ["ca.pem": cluster.authority.certificatePEM, "node.pem": issued.certificatePEM, "node.key": issued.privateKeyPEM]
      for (name, bytes) in contents { try CredentialFile.write(bytes, to: "\(directory)/\(name)", mode: 0o600, overwrite: true) }
      let credentials = try Credentials(files: files)
      let node = try cluster.start("n1", credentials: credentials)

      let whole = try #require(contents[name])
      try CredentialFile.write(Array(whole.prefix(whole.count / 2)), to: "\(directory)/\(name)", mode: 0o600, overwrite: true)
      let failure = #expect(throws: SerfError.self) { try Credentials(files: files) }
      #expect(failure?.description.contains("\(directory)/\(name)") == true)
      #expect(node.rotation.current === credentials)

      try cluster.start("n2").join(node.address)
      #expect(cluster.converge(on: ["n1", "n2"], within: .seconds(5)))
    }
  }
#endif
