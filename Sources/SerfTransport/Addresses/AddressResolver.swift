import CResolv
public import SerfPrimitives

/// Turns the name of a host into addresses. A node asks its resolver at each join, so that a retry sees what has changed in the meantime.
///
/// - ``LiteralResolver``: IP addresses only, no look-ups.
/// - ``SystemResolver``: what the system would answer, including the hosts file.
/// - ``DNSResolver``: DNS alone, with SRV records.
/// - ``DefaultResolver``: all of these, each for the names that it handles best.
public protocol AddressResolver: Sendable {
  /// Every address of `host`, at least one, in the order in which they should be tried.
  ///
  /// - Parameters:
  ///   - host: a name, or an IP address without a port.
  ///   - port: the port of the answers, unless the look-up itself brings one (SRV).
  /// - Throws: an error whose description says in one line what was looked up and why it failed, as ``ResolutionError`` does, which the resolvers
  ///   of this library throw. A join reports it as ``JoinAttempt/Reason/unresolved(_:)``.
  func resolve(_ host: String, port: UInt16) async throws -> [NodeAddress]
}

/// Why the look-up of a name gave no addresses. The description is one line: the name, the cause and the next step.
public struct ResolutionError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of failure it is.
  ///
  /// Compare with `==`, or in a `switch` with a `default`: later versions have more codes.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    /// The name does not exist, or it has no addresses.
    public static let notFound = Code(kind: .notFound)
    /// No server answered in time, or the servers had trouble. It may work later.
    public static let unavailable = Code(kind: .unavailable)
    /// The answer was unusable or a refusal.
    public static let failed = Code(kind: .failed)
    /// This resolver does not look up such a name.
    public static let badName = Code(kind: .badName)

    /// The code's name, such as `notFound`.
    public var description: String { kind.rawValue }

    private enum Kind: String { case notFound, unavailable, failed, badName }
    private let kind: Kind
  }

  /// What kind of failure it is.
  public let code: Code
  /// What was looked up.
  public let host: String
  /// One line for the user.
  public let description: String

  /// An error with a line for the user.
  public init(_ code: Code, host: String, _ description: String) {
    self.code = code
    self.host = host
    self.description = description
  }

  init(_ result: cr_result, host: String, what: String) {
    let start = "cannot resolve the host '\(host)': "
    switch result {
    case CR_NO_NAME: self.init(.notFound, host: host, start + "there is no such name. Check it, or give an IP address")
    case CR_NO_DATA: self.init(.notFound, host: host, start + "the name has no \(what). Check it, or give an IP address")
    case CR_TRY_AGAIN: self.init(.unavailable, host: host, start + "no name server answered. Check /etc/resolv.conf, or give an IP address")
    case CR_UNSUPPORTED: self.init(.failed, host: host, start + "this build's C library makes no DNS queries. Give an IP address")
    default: self.init(.failed, host: host, start + "the answer cannot be used. Check the name, or give an IP address")
    }
  }
}

/// Accepts IP addresses only and looks nothing up: for users who want no DNS. `10.0.0.1`, `::1`, `fe80::1%eth0`.
public struct LiteralResolver: AddressResolver {
  /// A resolver of IP addresses.
  public init() {}

  public func resolve(_ host: String, port: UInt16) async throws -> [NodeAddress] {
    guard let address = try Self.literal(host, port: port) else {
      throw ResolutionError(.badName, host: host, "'\(host)' is not an IP address, and names are not looked up here")
    }
    return [address]
  }

  /// The address that `host` is, or nil when it is not one.
  static func literal(_ host: String, port: UInt16) throws(ResolutionError) -> NodeAddress? {
    do throws(SerfError) {
      return try Interfaces.address(parsing: host, defaultPort: port)
    } catch {
      throw ResolutionError(.badName, host: host, error.description)
    }
  }
}

/// The resolver of a node unless you set another one: IP addresses as they are, names that begin with `_` as SRV records by ``DNSResolver``, and all
/// other names by ``SystemResolver``.
public struct DefaultResolver: AddressResolver {
  private let dns: DNSResolver

  /// The default, with `dns` for SRV records.
  public init(dns: DNSResolver = DNSResolver()) { self.dns = dns }

  public func resolve(_ host: String, port: UInt16) async throws -> [NodeAddress] {
    if let address = try LiteralResolver.literal(host, port: port) { return [address] }
    if host.hasPrefix("_") { return try await dns.resolve(host, port: port) }
    return try await SystemResolver().resolve(host, port: port)
  }
}
