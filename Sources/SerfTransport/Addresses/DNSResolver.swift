import CResolv
public import SerfPrimitives

/// Asks DNS alone: A and AAAA records, and for names that begin with `_`, such as `_serf._udp.example.com`, SRV records. Their targets are looked up
/// in turn, and get the port of the record.
///
/// Names are taken as complete: the search list of `resolv.conf` is not applied. IPv4 answers come before IPv6; SRV targets are ordered by priority.
/// Within one priority a weighted draw (RFC 2782) decides their order at each look-up. At most 16 targets and 64 addresses are used. Look-ups block and
/// run on 32 threads; an answer that is too long for UDP is fetched over TCP.
public struct DNSResolver: AddressResolver {
  /// The server to ask, an IPv4 address and port; nil, the default, asks those of `/etc/resolv.conf`.
  public var server: NodeAddress?
  /// How long one try may take; rounded up to whole seconds, 1 to 30. Default 2 s. A look-up makes two queries, or three with SRV.
  public var timeout = Duration.seconds(2)
  /// How often a query is sent before it is given up: 1 to 5, default 2. The library doubles the time-out at each try.
  public var tries = 2

  /// A resolver that asks `server`, or the system's servers.
  public init(server: NodeAddress? = nil) { self.server = server }

  public func resolve(_ host: String, port: UInt16) async throws -> [NodeAddress] {
    try await records(of: host, port: port)
  }

  /// ``resolve(_:port:)`` with its error's type. With optimisation, swiftc 6.3.1 dies (signal 11, "splitting coroutine") when this is untyped.
  private func records(of host: String, port: UInt16) async throws(ResolutionError) -> [NodeAddress] {
    if let literal = try LiteralResolver.literal(host, port: port) { return [literal] }
    try checkName(host)
    let query = try query(for: host)
    guard host.hasPrefix("_") else {
      let outcome = await onThreadPool { query.addresses(of: host) }
      guard case .success(let found) = outcome else { throw ResolutionError(outcome.failure, host: host, what: "A or AAAA records") }
      return distinct(found.map { NodeAddress($0, port: port) })
    }
    let outcome = await onThreadPool { query.services(of: host) }
    guard case .success(let found) = outcome else { throw ResolutionError(outcome.failure, host: host, what: "SRV records") }
    var random = SystemRandomNumberGenerator()
    return try await addresses(of: Self.ordered(found, using: &random), for: host, query)
  }

  // MARK: Services

  /// The content of an SRV record.
  package struct Service: Hashable, Sendable {
    package var target: String
    package var port: UInt16
    package var priority: UInt16
    package var weight: UInt16

    package init(target: String, port: UInt16, priority: UInt16, weight: UInt16) {
      self.target = target
      self.port = port
      self.priority = priority
      self.weight = weight
    }
  }

  /// The lowest priority first; those of one priority by repeated draws, in which each has a chance in proportion to its weight, and those of
  /// weight zero a very small one (RFC 2782, "Weight").
  package static func ordered(_ services: [Service], using random: inout some RandomNumberGenerator) -> [Service] {
    var ordered: [Service] = []
    for priority in Set(services.map(\.priority)).sorted() {
      let ofThis = services.filter { $0.priority == priority }
      var waiting = ofThis.filter { $0.weight == 0 } + ofThis.filter { $0.weight > 0 }
      while !waiting.isEmpty {
        var draw = Int.random(in: 0...waiting.reduce(0) { $0 + Int($1.weight) }, using: &random)
        // The first whose running sum reaches the draw; the last one's does.
        let chosen = waiting.firstIndex { service in
          draw -= Int(service.weight)
          return draw <= 0
        }
        ordered.append(waiting.remove(at: chosen ?? 0))
      }
    }
    return ordered
  }

  private func addresses(of services: [Service], for host: String, _ query: DNSQuery) async throws(ResolutionError) -> [NodeAddress] {
    // A single "." says that the service is definitely not available (RFC 2782).
    let targets = services.filter { !$0.target.isEmpty && $0.target != "." }.prefix(Self.targetLimit)
    guard !targets.isEmpty else { throw ResolutionError(CR_NO_DATA, host: host, what: "usable SRV records") }
    // Side by side: one target whose server is silent must not delay the others.
    let outcomes = await withTaskGroup(of: (Int, LookUp<cr_address>).self) { group in
      for (index, service) in targets.enumerated() {
        group.addTask { (index, await onThreadPool { query.addresses(of: service.target) }) }
      }
      var outcomes = [LookUp<cr_address>](repeating: .failure(CR_TRY_AGAIN), count: targets.count)
      for await (index, outcome) in group { outcomes[index] = outcome }
      return outcomes
    }
    let found = zip(targets, outcomes).flatMap { service, outcome in outcome.answers.map { NodeAddress($0, port: service.port) } }
    guard !found.isEmpty else {
      throw ResolutionError(outcomes[0].failure, host: targets[targets.startIndex].target, what: "A or AAAA records")
    }
    return Array(distinct(found).prefix(answerLimit))
  }

  private static let targetLimit = 16

  private func query(for host: String) throws(ResolutionError) -> DNSQuery {
    var query = DNSQuery(
      timeout: Int32(min(30, max(1, timeout.seconds.rounded(.up)))), tries: Int32(min(5, max(1, tries))), server: nil)
    if let server = server?.canonical {
      guard server.isIPv4 else {
        throw ResolutionError(
          .failed, host: host, "cannot resolve the host '\(host)': the name server \(server) must be given by an IPv4 address")
      }
      query.server = cr_server(address: UInt32(server.high >> 32), port: server.port == 0 ? 53 : server.port)
    }
    return query
  }
}

/// How to ask; the methods block.
private struct DNSQuery: Sendable {
  let timeout: Int32
  let tries: Int32
  var server: cr_server?

  /// A records, then AAAA. It is enough if one of the queries finds something.
  func addresses(of host: String) -> LookUp<cr_address> {
    let short: LookUp<cr_address> = lookUp(capacity: answerLimit) { addresses, count in
      withServer { cr_dns_addresses(host, 4, $0, timeout, tries, addresses, count) }
    }
    // A name that does not exist has no records of any type, and a server that did not answer will not answer now.
    if short.failure == CR_NO_NAME || short.failure == CR_TRY_AGAIN { return short }
    let long: LookUp<cr_address> = lookUp(capacity: answerLimit) { addresses, count in
      withServer { cr_dns_addresses(host, 16, $0, timeout, tries, addresses, count) }
    }
    let found = short.answers + long.answers
    guard found.isEmpty else { return .success(Array(found.prefix(answerLimit))) }
    return short.failure == CR_NO_DATA ? long : short
  }

  func services(of name: String) -> LookUp<DNSResolver.Service> {
    let limit = 64
    // A record is a kilobyte, so the records are on the heap and only what is needed from them is kept.
    let records = UnsafeMutablePointer<cr_service>.allocate(capacity: limit)
    defer { records.deallocate() }
    var count = limit
    let result = withServer { cr_dns_services(name, $0, timeout, tries, records, &count) }
    guard result == CR_OK else { return .failure(result) }
    return .success(
      (0..<count).map { index in
        let target = withUnsafeBytes(of: &records[index].target) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return DNSResolver.Service(
          target: target, port: records[index].port, priority: records[index].priority, weight: records[index].weight)
      })
  }

  private func withServer<Result>(_ body: (UnsafePointer<cr_server>?) -> Result) -> Result {
    guard let server else { return body(nil) }
    return withUnsafePointer(to: server) { body($0) }
  }
}
