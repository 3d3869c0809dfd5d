public import SerfCore
public import SerfPrimitives

/// A delegate made of closures, for a program that wants one or two of them.
///
/// ```swift
/// configuration.delegate = SerfClosureDelegate()
///   .acceptingMembers { $0.tags["site"] == "berlin" }
///   .onMessage { message, member in await inbox.add(message, from: member) }
/// ```
/// Each function returns a delegate with one closure more; the last closure of a kind counts. What each is called for is said at the function of
/// ``SerfDelegate`` that it stands for.
public struct SerfClosureDelegate: SerfDelegate {
  private var merges: @Sendable ([SerfMember]) -> Bool = { _ in true }
  private var accepts: (@Sendable (SerfMember) -> Bool)?
  private var conflict: @Sendable (SerfMember, SerfMember) async throws -> Void = { _, _ in }
  private var ping: @Sendable (NodeName, Duration) async throws -> Void = { _, _ in }
  private var timeout: @Sendable (SerfMember, Duration) async throws -> Duration = { $1 }
  private var state: @Sendable ([UInt8], NodeName, Bool) async throws -> Void = { _, _, _ in }
  private var message: @Sendable ([UInt8], NodeName) async throws -> Void = { _, _ in }

  /// A delegate that accepts everything and does nothing.
  public init() {}

  // MARK: Filters, on the loop

  /// With a filter for joins: ``SerfDelegate/shouldMerge(_:)``. It also decides about single members, unless ``acceptingMembers(_:)`` does.
  public func merging(_ filter: @escaping @Sendable (_ members: [SerfMember]) -> Bool) -> Self { with(\.merges, filter) }

  /// With a filter for members: ``SerfDelegate/shouldAccept(_:)``.
  public func acceptingMembers(_ filter: @escaping @Sendable (_ member: SerfMember) -> Bool) -> Self { with(\.accepts, filter) }

  // MARK: Told beside the loop

  /// Told of two nodes with one name: ``SerfDelegate/nameConflict(existing:claimant:)``.
  public func onNameConflict(_ body: @escaping @Sendable (_ existing: SerfMember, _ claimant: SerfMember) async throws -> Void) -> Self {
    with(\.conflict, body)
  }

  /// Told of answered probes: ``SerfDelegate/pingCompleted(_:roundTrip:)``.
  public func onPing(_ body: @escaping @Sendable (_ member: NodeName, _ roundTrip: Duration) async throws -> Void) -> Self {
    with(\.ping, body)
  }

  /// Asked how long a member is remembered: ``SerfDelegate/reconnectTimeout(for:default:)``.
  public func reconnectTimeout(
    _ body: @escaping @Sendable (_ member: SerfMember, _ timeout: Duration) async throws -> Duration
  ) -> Self { with(\.timeout, body) }

  /// Told of the states of other members: ``SerfDelegate/userStateReceived(_:from:isJoin:)``.
  public func onUserState(
    _ body: @escaping @Sendable (_ state: [UInt8], _ member: NodeName, _ isJoin: Bool) async throws -> Void
  ) -> Self { with(\.state, body) }

  /// Told of messages of other members: ``SerfDelegate/messageReceived(_:from:)``.
  public func onMessage(_ body: @escaping @Sendable (_ message: [UInt8], _ member: NodeName) async throws -> Void) -> Self {
    with(\.message, body)
  }

  // MARK: SerfDelegate

  public func shouldMerge(_ members: [SerfMember]) -> Bool { merges(members) }
  public func shouldAccept(_ member: SerfMember) -> Bool { accepts?(member) ?? merges([member]) }
  public func nameConflict(existing: SerfMember, claimant: SerfMember) async throws { try await conflict(existing, claimant) }
  public func pingCompleted(_ member: NodeName, roundTrip: Duration) async throws { try await ping(member, roundTrip) }
  public func reconnectTimeout(for member: SerfMember, default timeout: Duration) async throws -> Duration {
    try await self.timeout(member, timeout)
  }
  public func userStateReceived(_ state: [UInt8], from member: NodeName, isJoin: Bool) async throws {
    try await self.state(state, member, isJoin)
  }
  public func messageReceived(_ message: [UInt8], from member: NodeName) async throws { try await self.message(message, member) }

  private func with<Closure>(_ part: WritableKeyPath<Self, Closure>, _ closure: Closure) -> Self {
    var delegate = self
    delegate[keyPath: part] = closure
    return delegate
  }
}
