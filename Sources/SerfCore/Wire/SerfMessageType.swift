/// The first byte of a Serf message, which travels in memberlist user messages and user states (`serf.md` section 3).
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
    }
  }
}
