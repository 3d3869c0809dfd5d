public import SerfCore
public import SerfPrimitives

/// What a program decides for its node, and what it is told beside the events.
///
/// Every function has a default, so a delegate has only those that it needs. ``SerfClosureDelegate`` is a delegate made of closures.
///
/// ```swift
/// struct Chat: SerfDelegate {
///   func messageReceived(_ message: [UInt8], from member: NodeName) async { print(member, String(decoding: message, as: UTF8.self)) }
/// }
/// configuration.delegate = Chat()
/// ```
/// There are two kinds. The **filters** ``shouldMerge(_:)`` and ``shouldAccept(_:)`` run on the node's event loop, which does nothing else meanwhile:
/// they look at the members that they are given, and return. The other functions run **beside** the loop, one after the other, in the order in which
/// things happened. While one of them takes its time, the next calls wait in a queue (``SerfSettings/UserData/delegateQueueLimit``); what does not
/// fit is dropped and counted, and the node goes on. An error that they throw is counted and logged, and changes nothing.
///
/// The node keeps its delegate for as long as it lives.
public protocol SerfDelegate: Sendable {
  // MARK: Filters, on the loop

  /// Whether this node and another one become members of one cluster. Asked at both ends of a join, each before it takes anything up: first at the
  /// one that is joined, which tells nothing of its members if it refuses. The join fails. Periodic exchanges between members do not ask, only
  /// ``shouldAccept(_:)``. Default true.
  ///
  /// It must not block. A call that takes more than 10 ms is counted and logged. It is no access control: what an operator must be able to rely on
  /// are certificates or keys.
  ///
  /// - Parameter members: all members that the other side knows, itself included; this node too if it is known there.
  func shouldMerge(_ members: [SerfMember]) -> Bool

  /// Whether another node is believed to be a member. Asked each time when the node itself or a member says that it is alive; what is said about a
  /// refused one is dropped. A member that is refused later fails here. Default: ``shouldMerge(_:)`` of that member alone, so that what refuses a
  /// join also keeps its members out when gossip brings them.
  ///
  /// It must not block, as ``shouldMerge(_:)``. Never asked about this node.
  func shouldAccept(_ member: SerfMember) -> Bool

  // MARK: Told beside the loop

  /// Two nodes claim one name, once in ten seconds for each pair. The log says it too. Default: nothing.
  ///
  /// - Parameters:
  ///   - existing: the member that keeps the name here.
  ///   - claimant: the other one.
  func nameConflict(existing: SerfMember, claimant: SerfMember) async throws

  /// A member answered a probe. Default: nothing.
  ///
  /// - Parameters:
  ///   - member: the member.
  ///   - roundTrip: how long that took. A probe that had to open a connection first is not told.
  func pingCompleted(_ member: NodeName, roundTrip: Duration) async throws

  /// How long a member that has failed or left is remembered before it is reaped. Asked when that happens. Until the answer comes, at the most 10 s
  /// longer than `timeout`, the member stays. Default `timeout`. If it throws, `timeout` counts.
  ///
  /// - Parameters:
  ///   - member: the member; its status says whether it failed or left.
  ///   - timeout: ``SerfSettings/Reaping/failedTimeout`` or ``SerfSettings/Reaping/leftTimeout``.
  func reconnectTimeout(for member: SerfMember, default timeout: Duration) async throws -> Duration

  /// The program at another member has sent its state along with a push/pull (``SerfNode/setUserState(_:)``). The same state comes again with each
  /// push/pull. Only over a transport that has it: QUIC. Default: nothing.
  ///
  /// - Parameters:
  ///   - state: the state, at most ``SerfSettings/UserData/stateSizeLimit`` bytes.
  ///   - member: the member, as its certificate proves.
  ///   - isJoin: whether the push/pull is that of a join.
  func userStateReceived(_ state: [UInt8], from member: NodeName, isJoin: Bool) async throws

  /// The program at another member has sent a message (``SerfNode/send(_:to:)-(_,NodeName)``). Only over a transport that has it: QUIC. Default:
  /// nothing.
  ///
  /// - Parameters:
  ///   - message: the message, at most ``SerfSettings/UserData/messageSizeLimit`` bytes.
  ///   - member: the sender, as its certificate proves.
  func messageReceived(_ message: [UInt8], from member: NodeName) async throws
}

extension SerfDelegate {
  /// True.
  public func shouldMerge(_ members: [SerfMember]) -> Bool { true }
  /// As ``shouldMerge(_:)`` says of this member alone.
  public func shouldAccept(_ member: SerfMember) -> Bool { shouldMerge([member]) }
  /// Nothing.
  public func nameConflict(existing: SerfMember, claimant: SerfMember) async throws {}
  /// Nothing.
  public func pingCompleted(_ member: NodeName, roundTrip: Duration) async throws {}
  /// The setting's value.
  public func reconnectTimeout(for member: SerfMember, default timeout: Duration) async throws -> Duration { timeout }
  /// Nothing.
  public func userStateReceived(_ state: [UInt8], from member: NodeName, isJoin: Bool) async throws {}
  /// Nothing.
  public func messageReceived(_ message: [UInt8], from member: NodeName) async throws {}
}
