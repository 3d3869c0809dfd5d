/// The first byte of a Serf message, which travels in memberlist user messages and user states (`serf.md` section 3).
///
/// - gossip: ``JoinMessage``, ``LeaveMessage``, ``UserEventMessage``, ``QueryMessage`` with ``QueryFilterList`` and ``QueryFilterView``
///   (received) or ``QueryFilter`` (ours)
/// - direct: ``QueryResponseMessage``, ``RelayMessage``; in payloads ``ConflictResponseMessage``, ``KeyRequestMessage``,
///   ``KeyResponseMessage``; among our own ``NodeMessage``, ``OfferMessage``
///   and ``FetchMessage``
/// - push/pull: ``SerfPushPull`` (received), ``SerfPushPullWriter`` (ours)
/// - in other messages: ``TagMap`` (a member's meta), ``CoordinateMessage`` (an ack's payload)
///
/// Each message is a view that borrows the received bytes: `init(decoding:)` takes what is behind the type byte, checks all of it and allocates
/// nothing; `encode(into:)` appends type byte and body. Lists inside are read with `next()`, which no longer fails.
package enum SerfMessageType: UInt8, Sendable, CaseIterable {
  case leave = 0
  case join = 1
  /// In the user state of a push/pull.
  case pushPull = 2
  case userEvent = 3
  case query = 4
  case queryResponse = 5
  /// In the payload of a query response.
  case conflictResponse = 6
  /// In the payload of a query.
  case keyRequest = 7
  /// In the payload of a query response.
  case keyResponse = 8
  case relay = 9
  /// Ours begin at 128, far from those that Go may still add. Never sent to a peer that does not say that it reads it.
  case nodeMessage = 128
  case offer = 129
  /// On a stream that is answered.
  case fetch = 130
}

extension SerfMessageType: CustomStringConvertible {
  package var description: String {
    switch self {
    case .leave: "leave"
    case .join: "join"
    case .pushPull: "push/pull"
    case .userEvent: "user event"
    case .query: "query"
    case .queryResponse: "query response"
    case .conflictResponse: "conflict response"
    case .keyRequest: "key request"
    case .keyResponse: "key response"
    case .relay: "relay"
    case .nodeMessage: "node message"
    case .offer: "offer"
    case .fetch: "fetch"
    }
  }
}
