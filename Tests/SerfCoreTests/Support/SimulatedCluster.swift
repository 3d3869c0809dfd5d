import Memberlist
import SerfCore
import SerfPrimitives
import SerfSimulator
import Testing

/// Several nodes in a virtual network, named after what they do in the test.
final class SimulatedCluster {
  let network: SimulatedNetwork<SimulatedNode>
  let configuration: SerfCoreConfiguration
  private let transport: TransportTraits
  private let isOneHost: Bool
  private(set) var nodes: [NodeName: SimulatedNetwork<SimulatedNode>.NodeID] = [:]
  private var addresses: [NodeName: NodeAddress] = [:]
  /// The snapshot files of those that keep one.
  var disks: [NodeName: SimulatedDisk] = [:]
  private var lastRequest: UInt64 = 0
  private var lastSeed: UInt64

  /// With `isOneHost` all members have one IP address, and ports of their own.
  init(seed: UInt64 = 1, provesNames: Bool = false, isOneHost: Bool = false, _ configuration: SerfCoreConfiguration = .brisk) {
    network = SimulatedNetwork(seed: seed, provesNames: provesNames)
    transport = TransportTraits(provesNames: provesNames)
    self.configuration = configuration
    self.isOneHost = isOneHost
    lastSeed = seed
  }

  /// Starts a node at its own address. If its name was used before, it gets that node's address, unless another is given.
  @discardableResult
  func start(
    _ name: NodeName, tags: [String: String] = [:], atNewAddress: Bool = false, atAddressOf other: NodeName? = nil,
    _ adjust: (inout SerfCoreConfiguration) -> Void = { _ in }
  ) throws -> SimulatedNetwork<SimulatedNode>.NodeID {
    if let other { addresses[name] = addresses[other] }
    var configuration = configuration
    adjust(&configuration)
    lastSeed += 1
    if addresses[name] == nil || atNewAddress {
      let number = UInt8(lastSeed & 0xff)
      addresses[name] = NodeAddress(ipv4: 10, 0, 0, isOneHost ? 1 : number, port: isOneHost ? 7_000 + UInt16(number) : 7946)
    }
    let address = try #require(addresses[name])
    let disk = disks[name]
    if disk != nil { configuration.snapshot.path = "snapshot" }
    let restored = disk?.file.map { RestoredState(reading: $0, rejoinAfterLeave: configuration.snapshot.rejoinAfterLeave) }
    let core = try NodeCore(
      configuration, transport: transport, name: name, address: address, tags: tags, restoring: restored, seed: lastSeed)
    let id = network.add(SimulatedNode(core, disk: disk), at: address)
    nodes[name] = id
    return id
  }

  /// Starts nodes that know each other.
  func start(joined names: [NodeName], sourceLocation: SourceLocation = #_sourceLocation) throws {
    for name in names { try start(name) }
    for name in names.dropFirst() { try join(name, to: names[0], sourceLocation: sourceLocation) }
    try require(.seconds(20), "all see each other", sourceLocation: sourceLocation) {
      names.allSatisfy { self.alive(on: $0) == names.sorted() }
    }
  }

  subscript(name: NodeName) -> SimulatedNetwork<SimulatedNode>.NodeID {
    guard let id = nodes[name] else { preconditionFailure("no node of that name was started") }
    return id
  }

  // MARK: Verbs

  /// Calls a verb, and returns the request whose reply to expect.
  @discardableResult
  func call(_ name: NodeName, _ body: (inout NodeCore, RequestID, Instant) throws(SerfCoreError) -> Void) throws -> RequestID {
    lastRequest += 1
    let request = RequestID(lastRequest)
    let error: SerfCoreError? = network.with(self[name]) { machine, now in
      do throws(SerfCoreError) {
        try body(&machine.core, request, now)
        return nil
      } catch { return error }
    }
    if let error { throw error }
    return request
  }

  /// Joins, and waits until that has succeeded.
  func join(
    _ name: NodeName, to other: NodeName, ignoreOld: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let target = JoinTarget(network.address(of: self[other]))
    let request = try call(name) { (core, request, now) throws(SerfCoreError) in
      try core.join([target], ignoreOld: ignoreOld, request: request, at: now)
    }
    try require(.seconds(15), "the join is answered", sourceLocation: sourceLocation) { self.reply(name, request) != nil }
    guard case .joined(let results) = reply(name, request) else { throw NoReply() }
    #expect(results.allSatisfy { $0.failure == nil }, sourceLocation: sourceLocation)
  }

  func userEvent(_ name: NodeName, _ event: String, _ payload: [UInt8] = []) throws {
    try call(name) { (core, _, now) throws(SerfCoreError) in
      try core.userEvent(name: Array(event.utf8), payload: payload, coalesce: false, at: now)
    }
  }

  /// Leaves, and waits until that is over.
  func leave(_ name: NodeName, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let request = try call(name) { (core, request, now) throws(SerfCoreError) in try core.leave(request: request, at: now) }
    try require(.seconds(15), "the leave is answered", sourceLocation: sourceLocation) { self.reply(name, request) != nil }
  }

  func stop(_ name: NodeName, saysFarewell: Bool = false) {
    network.with(self[name]) { machine, now in machine.core.shutDown(at: now, saysFarewell: saysFarewell) }
    // The last write to its snapshot.
    network.with(self[name]) { machine, now in machine.advance(to: now) }
    network.crash(self[name])
  }

  /// Kills a node: nothing that it had not done yet is done.
  func kill(_ name: NodeName) {
    network.crash(self[name])
  }

  // MARK: Results

  struct NoReply: Error {}

  func reply(_ name: NodeName, _ request: RequestID) -> NodeReply? {
    for (_, report) in network.reports(of: self[name]) {
      if case .reply(request, let reply) = report { return reply }
    }
    return nil
  }

  func members(on name: NodeName) -> [SerfMember] { network.read(self[name]) { $0.core.members } }

  func members(at id: SimulatedNetwork<SimulatedNode>.NodeID) -> [SerfMember] { network.read(id) { $0.core.members } }

  func status(of member: NodeName, on name: NodeName) -> MemberStatus? { members(on: name).first { $0.name == member }?.status }

  func alive(on name: NodeName) -> [NodeName] { members(on: name).filter { $0.status == .alive }.map { $0.name } }

  func statistics(of name: NodeName) -> NodeStatistics { network.read(self[name]) { $0.core.statistics } }

  /// The events that a node had about another one, such as "join failed join".
  func history(of member: NodeName, on name: NodeName) -> String {
    var kinds: [String] = []
    for (_, report) in network.reports(of: self[name]) {
      guard case .event(.member(let event)) = report, event.members.contains(where: { $0.name == member }) else { continue }
      kinds.append(event.kind.description.replacing("member-", with: ""))
    }
    return kinds.joined(separator: " ")
  }

  /// The names of the user events that a node was told of, in order.
  func userEvents(on name: NodeName) -> [String] {
    network.reports(of: self[name]).compactMap { if case .event(.user(let event)) = $0.report { event.name } else { nil } }
  }

  /// Asks, and returns the query.
  func query(_ name: NodeName, _ query: String, _ options: SerfQuery.Options = .init()) throws -> SerfQuery.ID {
    var id: SerfQuery.ID?
    try call(name) { (core, _, now) throws(SerfCoreError) in
      id = try core.query(name: Array(query.utf8), payload: [], options: options, at: now)
    }
    return try #require(id)
  }

  /// The queries that a node was told of, in order.
  func queries(on name: NodeName) -> [SerfQuery] {
    network.reports(of: self[name]).compactMap { if case .event(.query(let query)) = $0.report { query } else { nil } }
  }

  func respond(_ name: NodeName, to query: SerfQuery, _ payload: [UInt8]) throws {
    try call(name) { (core, _, now) throws(SerfCoreError) in try core.respond(to: query.id, with: payload, at: now) }
  }

  /// Who answered this query, in order.
  func answers(to id: SerfQuery.ID, on name: NodeName) -> [NodeName] {
    network.reports(of: self[name]).compactMap { if case .queryAnswered(id, let answer) = $0.report { answer.from } else { nil } }
  }

  func summary(of id: SerfQuery.ID, on name: NodeName) -> QuerySummary? {
    for (_, report) in network.reports(of: self[name]) {
      if case .queryEnded(id, let summary) = report { return summary }
    }
    return nil
  }

  func require(
    _ limit: Duration, _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation, until condition: () -> Bool
  ) throws {
    let holds = network.run(within: limit, until: condition)
    try #require(holds, what, sourceLocation: sourceLocation)
  }

  func run(_ duration: Duration) { network.run(for: duration) }
}

extension SerfCoreConfiguration {
  /// The local profile with shorter slow timers, so that a test needs minutes of virtual time and not days.
  static var brisk: SerfCoreConfiguration {
    var configuration = SerfCoreConfiguration.local
    configuration.reaping.interval = .seconds(1)
    configuration.reconnecting.interval = .milliseconds(500)
    return configuration
  }
}
