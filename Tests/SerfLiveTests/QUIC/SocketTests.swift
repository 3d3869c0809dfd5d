#if QUIC
  import Serf
  import SerfCore
  import SerfIdentity
  import SerfPrimitives
  import SerfTestSupport
  import SerfTransport
  import Synchronization
  import Testing

  /// Nodes over QUIC on real sockets, each on its own loop, used from many tasks at once, for the thread sanitizer.
  @Suite struct SocketTests {
    private static let authority = Result { try CertificateAuthority() }

    private func credentials(_ name: NodeName) throws -> Credentials {
      let authority = try Self.authority.get()
      let issued = try authority.issue(node: name.description)
      return try Credentials(
        pem: .init(authorities: authority.certificatePEM, certificate: issued.certificatePEM, privateKey: issued.privateKeyPEM))
    }

    private func cluster(
      _ names: [NodeName], _ adjust: (NodeName, inout SerfConfiguration) -> Void = { _, _ in }
    ) async throws -> [(node: SerfNode, transport: QuicTransport)] {
      var members: [(node: SerfNode, transport: QuicTransport)] = []
      for name in names {
        let transport = QuicTransport(try credentials(name), bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0))
        var configuration = SerfConfiguration.test(name)
        adjust(name, &configuration)
        let node = try SerfNode(transport: transport, configuration: configuration)
        try await node.start()
        if let first = members.first { #expect(try await node.join([first.node.localAddress().description]) == 1) }
        members.append((node, transport))
      }
      for member in members {
        try await eventually("\(member.node.name) sees all") {
          try await member.node.members().filter { $0.status == .alive }.map(\.name) == names.sorted()
        }
      }
      return members
    }

    @Test("a message of one program reaches the other, over real sockets")
    func message() async throws {
      let got = Mutex<[String]>([])
      let members = try await cluster(["a", "b"]) { name, configuration in
        configuration.delegate = SerfClosureDelegate().onMessage { message, member in
          got.withLock { $0.append("\(name): \(String(decoding: message, as: UTF8.self)) of \(member)") }
        }
      }
      try await members[0].node.send("hello".utf8, to: "b")
      try await eventually("it is there") { got.withLock { $0 } == ["b: hello of a"] }
      let error = await #expect(throws: SerfError.self) { try await members[0].node.send("hello".utf8, to: "ghost") }
      #expect(error?.code == .notDelivered)
      for member in members { await member.node.shutdown() }
    }

    @Test("verbs from many tasks, events and new certificates at once, and every event reaches every node")
    func everythingAtOnce() async throws {
      let names: [NodeName] = ["a", "b", "c"]
      let members = try await cluster(names)
      let subscriptions = members.map { $0.node.events() }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for (index, member) in members.enumerated() {
          for round in 0..<10 { group.addTask { try await member.node.userEvent("event-\(index)-\(round)", coalesce: false) } }
          group.addTask { try await member.node.setTags(["round": "\(index)"]) }
          group.addTask { for _ in 0..<20 { _ = try await (member.node.members(), member.node.statistics()) } }
          let renewed = try credentials(names[index])
          group.addTask { try member.transport.replace(credentials: renewed) }
        }
        try await group.waitForAll()
      }
      for subscription in subscriptions {
        var seen: Set<String> = []
        for await case .user(let event) in subscription {
          seen.insert(event.name)
          if seen.count == 30 { break }
        }
        #expect(seen.count == 30)
      }
      for member in members { await member.node.shutdown() }
    }

    @Test("a join that a certificate spoils says whose, and one that meets another name or its own says so")
    func certificates() async throws {
      let other = try CertificateAuthority()
      let issued = try other.issue(node: "x")
      // It believes the members' authority; they do not believe its own.
      let both = other.certificatePEM + (try Self.authority.get()).certificatePEM
      let credentials = try Credentials(
        pem: .init(authorities: both, certificate: issued.certificatePEM, privateKey: issued.privateKeyPEM))
      let stranger = try SerfNode(
        transport: QuicTransport(credentials, bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0)), configuration: SerfConfiguration.test("x"))
      try await stranger.start()
      let members = try await cluster(["a", "b"]).map(\.node)
      let namesake = try await cluster(["a"])[0].node
      let (a, x) = (try await members[0].localAddress().description, try await stranger.localAddress().description)
      for (node, address, reason) in [
        (stranger, a, .certificateRefused(.ours)), (members[0], x, .certificateRefused(.theirs)),
        (members[1], "c/" + a, .otherName), (members[1], "b/" + a, .ownName), (namesake, a, .nameInUse),
        (namesake, "a/" + a, .ownName),
      ] as [(SerfNode, String, JoinAttempt.Reason)] {
        let error = await #expect(throws: SerfError.self) { try await node.join([address]) }
        #expect(error?.attempts.map(\.reason) == [reason], "\(node.name) asks \(address)")
      }
      for node in members + [stranger, namesake] { await node.shutdown() }
    }

    @Test("a shutdown in the middle of verbs ends all of them")
    func shutdownAmidVerbs() async throws {
      let members = try await cluster(["a", "b"])
      await withTaskGroup(of: Void.self) { group in
        for member in members {
          for round in 0..<10 {
            group.addTask { try? await member.node.userEvent("event-\(round)") }
            group.addTask { try? await member.node.setTags(["round": "\(round)"]) }
            group.addTask { _ = try? await member.node.members() }
          }
          group.addTask { await member.node.shutdown() }
          group.addTask { await member.node.shutdown() }
        }
      }
      for member in members {
        await #expect { try await member.node.userEvent("late") } throws: { ($0 as? SerfError)?.code == .state }
      }
    }
  }
#endif
