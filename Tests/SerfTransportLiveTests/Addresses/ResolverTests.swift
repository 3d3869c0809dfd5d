import SerfPrimitives
import SerfTestSupport
import SerfTransport
import Testing

@Suite struct ResolverTests {
  private static let six: [UInt8] = [0xfd] + [UInt8](repeating: 0, count: 14) + [6]

  /// A resolver with enough time for a loaded machine, unless the test expects no answer.
  private func resolver(_ server: NameServer, timeout: Duration = .seconds(15), tries: Int = 1) -> DNSResolver {
    var resolver = DNSResolver(server: server.address)
    resolver.timeout = timeout
    resolver.tries = tries
    return resolver
  }

  /// The addresses as text, or the kind of error.
  private func outcome(_ resolver: some AddressResolver, _ host: String) async -> [String] {
    do {
      return try await resolver.resolve(host, port: 7946).map(\.description)
    } catch {
      guard let error = error as? ResolutionError else { return ["\(error)"] }
      #expect(error.description.contains(error.host) || error.code == .badName)
      return ["\(error.code)"]
    }
  }

  @Test(
    "literals are themselves and ask no server",
    arguments: [("10.0.0.1", "10.0.0.1:7946"), ("::1", "[::1]:7946"), ("fe80::1%lo", "[fe80::1%1]:7946")])
  func literals(host: String, printed: String) async throws {
    let server = try await NameServer([:])
    let resolvers: [any AddressResolver] = [LiteralResolver(), resolver(server), DefaultResolver(dns: resolver(server))]
    for resolver in resolvers {
      #expect(try await resolver.resolve(host, port: 7946).map(\.description) == [printed])
    }
    #expect(server.questions.isEmpty)
  }

  @Test("the literal resolver looks nothing up, and an unknown interface is named")
  func literalOnly() async {
    #expect(await outcome(LiteralResolver(), "localhost") == ["badName"])
    await #expect { try await LiteralResolver().resolve("fe80::1%nope0", port: 1) } throws: { "\($0)".contains("'nope0'") }
  }

  @Test("the system's resolver reads numerals, and refuses what cannot be a host before it looks anything up")
  func system() async {
    #expect(await outcome(SystemResolver(), "127.0.0.1") == ["127.0.0.1:7946"])
    #expect(await outcome(DefaultResolver(), "127.0.0.1") == ["127.0.0.1:7946"])
    for name in ["", "a b", "x\0y", String(repeating: "x", count: 300)] { #expect(await outcome(SystemResolver(), name) == ["badName"]) }
  }

  @Test("all A and AAAA records are answers, each once")
  func addresses() async throws {
    let server = try await NameServer([
      "both.test": .records([.a(10, 0, 0, 1), .aaaa(Self.six), .a(10, 0, 0, 2), .a(10, 0, 0, 1)]), "six.test": .records([.aaaa(Self.six)]),
      "four.test": .records([.a(1, 2, 3, 4)]), "none.test": .records([]),
    ])
    let resolver = resolver(server)
    #expect(await outcome(resolver, "both.test") == ["10.0.0.1:7946", "10.0.0.2:7946", "[fd00::6]:7946"])
    #expect(await outcome(resolver, "six.test") == ["[fd00::6]:7946"])
    #expect(await outcome(resolver, "four.test") == ["1.2.3.4:7946"])
    #expect(await outcome(resolver, "none.test") == ["notFound"])
    #expect(await outcome(resolver, "unknown.test") == ["notFound"])
    #expect(server.questions.prefix(2) == ["both.test 1 udp", "both.test 28 udp"])
  }

  @Test("servers that are silent, refuse or send nonsense are errors in bounded time")
  func badServers() async throws {
    let server = try await NameServer([
      "silent.test": .silence, "refused.test": .refused, "garbage.test": .garbage, "noise.test": .noise, "_s._udp.garbage": .garbage,
    ])
    let (resolver, hasty) = (resolver(server), self.resolver(server, timeout: .seconds(1)))
    #expect(await outcome(hasty, "silent.test") == ["unavailable"])
    #expect(await outcome(hasty, "noise.test") == ["unavailable"])
    #expect(["unavailable", "failed"].contains(await outcome(resolver, "refused.test").first))
    #expect(await outcome(resolver, "garbage.test") == ["failed"])
    #expect(await outcome(resolver, "_s._udp.garbage") == ["failed"])
    #expect(await outcome(self.resolver(server, timeout: .seconds(1), tries: 2), "silent.test") == ["unavailable"])
    try await eventually("all questions have come") { server.questions.filter { $0.hasPrefix("silent.test") }.count == 3 }
  }

  @Test("an answer too long for UDP comes by TCP, and no more than the limit is used")
  func truncated() async throws {
    let many = (0..<200).map { NameServer.Record.a(10, 0, 1, UInt8($0)) }
    let server = try await NameServer(["many.test": .truncated(many)])
    let found = await outcome(resolver(server), "many.test")
    #expect(found == (0..<64).map { "10.0.1.\($0):7946" })
    #expect(server.questions.prefix(2) == ["many.test 1 udp", "many.test 1 tcp"])
  }

  @Test("a service's targets come by priority, with the ports of their records")
  func services() async throws {
    let server = try await NameServer([
      "_serf._udp.test": .records([
        .srv(priority: 20, weight: 0, port: 3, target: "c.test"), .srv(priority: 10, weight: 5, port: 1, target: "a.test"),
        .srv(priority: 15, weight: 5, port: 2, target: "b.test"), .srv(priority: 30, weight: 5, port: 9, target: "gone.test"),
      ]), "a.test": .records([.a(10, 0, 0, 1), .a(10, 0, 0, 11)]), "b.test": .records([.aaaa(Self.six)]),
      "c.test": .records([.a(10, 0, 0, 3)]),
      "_off._udp.test": .records([.srv(priority: 0, weight: 0, port: 0, target: ".")]),
      "_lost._udp.test": .records([.srv(priority: 0, weight: 0, port: 5, target: "gone.test")]),
    ])
    let resolver = DefaultResolver(dns: resolver(server))
    #expect(await outcome(resolver, "_serf._udp.test") == ["10.0.0.1:1", "10.0.0.11:1", "[fd00::6]:2", "10.0.0.3:3"])
    #expect(await outcome(resolver, "_off._udp.test") == ["notFound"])
    #expect(await outcome(resolver, "_none._udp.test") == ["notFound"])
    await #expect { try await resolver.resolve("_lost._udp.test", port: 1) } throws: { "\($0)".contains("gone.test") }
  }

  @Test("look-ups side by side do not mix")
  func concurrent() async throws {
    let zone = (0..<40).map { ("h\($0).test", NameServer.Reply.records([.a(10, 0, 0, UInt8($0))])) }
    let server = try await NameServer(Dictionary(uniqueKeysWithValues: zone))
    let resolver = resolver(server)
    await withTaskGroup(of: Void.self) { group in
      for index in 0..<40 { group.addTask { #expect(await outcome(resolver, "h\(index).test") == ["10.0.0.\(index):7946"]) } }
    }
  }

  @Test("a name is found at once beside twelve names for which no server answers")
  func besideSilence() async throws {
    let silent = (0..<12).map { "silent\($0).test" }
    let zone = silent.map { ($0, NameServer.Reply.silence) } + [("found.test", .records([.a(10, 0, 0, 1)]))]
    let server = try await NameServer(Dictionary(uniqueKeysWithValues: zone))
    let (resolver, patient) = (resolver(server), resolver(server, timeout: .seconds(5)))
    let first = await withTaskGroup(of: [String].self) { group in
      for name in silent { group.addTask { await outcome(patient, name) } }
      _ = try? await eventually("the server has been asked for all") { server.questions.count >= silent.count }
      group.addTask { await outcome(resolver, "found.test") }
      defer { group.cancelAll() }
      return await group.next()
    }
    #expect(first == ["10.0.0.1:7946"])
  }

  @Test("within one priority the draw follows the weights, and no target is lost")
  func weights() {
    var random = SeededRandom(seed: 7)
    let services = [("light", 1), ("heavy", 9), ("zero", 0)].map { name, weight in
      DNSResolver.Service(target: name, port: 1, priority: 1, weight: UInt16(weight))
    }
    var first: [String: Int] = [:]
    for _ in 0..<10_000 {
      let order = DNSResolver.ordered(services, using: &random)
      #expect(order.count == 3 && Set(order) == Set(services))
      first[order[0].target, default: 0] += 1
    }
    // Of 0...10 one draw falls on zero, one on light, nine on heavy.
    #expect((700...1_120).contains(first["zero"] ?? 0))
    #expect((700...1_120).contains(first["light"] ?? 0))
    let late = DNSResolver.Service(target: "late", port: 1, priority: 2, weight: 60_000)
    #expect(DNSResolver.ordered([late] + services, using: &random).last == late)
    #expect(DNSResolver.ordered([], using: &random).isEmpty)
  }

  @Test("a name server by IPv6 is refused with the reason")
  func serverByIPv6() async throws {
    let server: NodeAddress = try #require(NodeAddress(parsing: "[::1]:53", defaultPort: 53))
    let resolver = DNSResolver(server: server)
    #expect(await outcome(resolver, "x.test") == ["failed"])
  }
}
