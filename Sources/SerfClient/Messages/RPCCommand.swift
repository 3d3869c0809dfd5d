/// The commands of the agent's RPC that this version speaks (`agent.md` section 2). A name that is missing here is answered with
/// `Unsupported command`.
package enum RPCCommand: String, CaseIterable, Sendable {
  case handshake, auth, event
  case forceLeave = "force-leave"
  case join, members
  case membersFiltered = "members-filtered"
  case tags, stream, monitor, stop, leave, stats, query, respond
  case getCoordinate = "get-coordinate"
  case installKey = "install-key"
  case useKey = "use-key"
  case removeKey = "remove-key"
  case listKeys = "list-keys"

  /// Whether a request of this command has a body after its header.
  package var hasRequestBody: Bool {
    switch self {
    case .members, .leave, .stats, .listKeys: false
    default: true
    }
  }

  /// When an answer to this command has a body after its header.
  package var responseBody: ResponseBody {
    switch self {
    case .join, .members, .membersFiltered: .always
    case .installKey, .useKey, .removeKey, .listKeys: .always
    case .stats, .getCoordinate: .onSuccess
    default: .never
    }
  }

  /// How much longer than for other commands a healthy agent may take to answer this one, because it waits for other members.
  ///
  /// - Parameter targets: how many addresses a join has.
  package func wait(targets: Int = 0) -> Duration {
    switch self {
    // Until enough members have been told, or a broadcast timeout (5 s by default) has passed.
    case .tags, .forceLeave: .seconds(10)
    // Two such waits, the time in which the leave spreads through the cluster, and the end of all connections.
    case .leave: .seconds(30)
    // Names are looked up, and one address after another may have to reach its deadline (usually 10 s).
    case .join: .seconds(30 + 10 * min(targets, 1000))
    // The time of a query, which grows with the number of members.
    case .installKey, .useKey, .removeKey, .listKeys: .seconds(60)
    // What a stream sends after its answer may come at any time.
    case .handshake, .auth, .event, .members, .membersFiltered, .stream, .monitor, .stop, .stats, .query, .respond, .getCoordinate: .zero
    }
  }

  package enum ResponseBody: Sendable {
    case never, onSuccess, always
  }
}

/// The error texts of the protocol. Clients compare them, so they are exactly Go's (`agent.md` section 4).
package enum RPCErrorText {
  package static let unsupportedCommand = "Unsupported command"
  package static let unsupportedVersion = "Unsupported IPC version"
  package static let duplicateHandshake = "Handshake already performed"
  package static let handshakeRequired = "Handshake required"
  package static let authenticationRequired = "Authentication required"
  package static let invalidAuthentication = "Invalid authentication token"
  package static let invalidFilter = "Invalid event filter"
  package static let streamExists = "Stream with given sequence exists"
  package static let monitorExists = "Monitor already exists"
  package static let internalQuery = "Queries cannot contain the '_serf_' prefix"
  package static let noPendingQuery = "No pending queries matching ID"
  package static let responseSent = "failed to respond to key query: response already sent"

  /// These errors come before the agent looks at the command, so no body follows, whatever the command is.
  package static func neverHasBody(_ text: String) -> Bool {
    text == authenticationRequired || text == handshakeRequired || text == unsupportedCommand
  }
}
