package import SerfPrimitives

/// A mistake of the caller, the only error that the core throws. Nothing has changed when it is thrown.
package enum SerfCoreError: Error, Hashable, Sendable {
  /// The encoded tags do not fit the 512 bytes that a member can say about itself. Use fewer or shorter tags.
  case tagsTooLarge(byteCount: Int, limit: Int)
  /// The message that a user event makes is larger than `UserEvents.sizeLimit`; `content` is how many of its bytes are name and payload.
  case userEventTooLarge(name: [UInt8], encoded: Int, content: Int, limit: Int)
  /// So many events of this node wait to be sent.
  case tooManyEvents(limit: Int)
  /// A setting with which a node cannot work.
  case settingOutOfBounds(SettingOutOfBounds)
  /// The node's own name is longer than peers store, or empty.
  case badName(NodeNameProblem)
  /// Peers cannot reach a node at this address: unspecified, multicast, broadcast, or without a port.
  case unusableAddress(NodeAddress)
  /// The message that a query makes is larger than `Queries.sizeLimit`; `content` is how many of its bytes are name and payload.
  case queryTooLarge(name: [UInt8], encoded: Int, content: Int, limit: Int)
  /// The name of a query begins with `_serf_`; such names belong to the cluster.
  case internalQuery(name: [UInt8])
  /// A filter's expression is not of the supported syntax.
  case badExpression(String, PatternError)
  /// A query cannot wait for so long, or for so short a time.
  case queryTimeout(Duration, longest: Duration)
  /// The message that an answer makes is larger than `Queries.answerSizeLimit`; `content` is the size of its payload.
  case answerTooLarge(encoded: Int, content: Int, limit: Int)
  /// The answer is above what Go members take, and the asking member is of a version that takes no more.
  case askerReadsNothingLarge(NodeName, encoded: Int, limit: Int)
  /// The asking member does not wait for this answer any more.
  case answerTooLate
  /// This node has answered the query.
  case answeredAlready
  /// This node keeps no coordinates.
  case coordinatesOff
  /// No coordinate of this node is known.
  case coordinateUnknown(NodeName)
  /// The transport does not say what its peers read, so nothing is sent that Go peers would not know.
  case userDataUnsupported
  /// The program's state is larger than `UserData.stateSizeLimit`.
  case userStateTooLarge(byteCount: Int, limit: Int)
  /// A message to another node is larger than `UserData.messageSizeLimit`.
  case nodeMessageTooLarge(byteCount: Int, limit: Int)
  /// The message is for a node that is no member, or is not alive.
  case notALiveMember(NodeName)
  /// So many messages to other nodes have not ended.
  case tooManyMessages(limit: Int)
  /// The verb needs a node whose status is alive.
  case notAlive(NodeStatus)

  /// What is wrong with a name.
  package enum NodeNameProblem: Hashable, Sendable {
    case empty
    case tooLong(limit: Int)
  }
}

extension SerfCoreError: CustomStringConvertible {
  /// The cause and, where there is one, the limit.
  package var description: String {
    switch self {
    case .tagsTooLarge(let count, let limit): "encoded tags take \(count) bytes, and the limit is \(limit)"
    case .userEventTooLarge(let name, let encoded, let content, let limit):
      "the event '\(Self.excerpt(name))' takes \(encoded) bytes encoded (\(content) of name and payload), and the limit is \(limit)"
    case .tooManyEvents(let limit): "\(limit) events of this node wait to be sent, and more are not allowed at once"
    case .settingOutOfBounds(let problem): problem.description
    case .badName(.empty): "the node's name is empty"
    case .badName(.tooLong(let limit)): "the node's name exceeds \(limit) bytes"
    case .unusableAddress(let address): "peers cannot reach a node at \(address); advertise an address of this machine"
    case .queryTooLarge(let name, let encoded, let content, let limit):
      "the query '\(Self.excerpt(name))' takes \(encoded) bytes encoded (\(content) of name and payload), and the limit is \(limit)"
    case .internalQuery(let name):
      "Queries cannot contain the '_serf_' prefix: the name '\(Self.excerpt(name))' is reserved for the cluster"
    case .badExpression(let expression, let error): "'\(Self.excerpt(Array(expression.utf8)))' is no expression: \(error)"
    case .queryTimeout(_, let longest):
      "a query waits from 1 ms to \(longest.components.seconds) s for answers (\(SettingName.queryTimeout))"
    case .answerTooLarge(let encoded, let content, let limit):
      "the answer takes \(encoded) bytes encoded (\(content) of payload), and the limit is \(limit)"
    case .askerReadsNothingLarge(let name, let encoded, let limit):
      "the answer takes \(encoded) bytes encoded, and the version of '\(Self.excerpt(name.bytes))', which asks, takes at most \(limit)"
    case .answerTooLate: "the time for answers to this query is over"
    case .answeredAlready: "this query has been answered already"
    case .coordinatesOff: "this node keeps no coordinates; switch them on with SerfConfiguration.coordinates.isEnabled"
    case .coordinateUnknown(let name):
      "no coordinate of '\(Self.excerpt(name.bytes))' is known: it is no member, keeps none, or has not been probed yet; each probe interval brings one"
    case .userDataUnsupported:
      "this transport carries no state and no messages of programs, because its peers may be Go agents, which do not know them; use QUIC"
    case .userStateTooLarge(let count, let limit): "the state takes \(count) bytes, and the limit is \(limit)"
    case .nodeMessageTooLarge(let count, let limit): "the message takes \(count) bytes, and the limit is \(limit)"
    case .notALiveMember(let name): "'\(Self.excerpt(name.bytes))' is no member that is alive"
    case .tooManyMessages(let limit): "\(limit) messages to other nodes have not ended, and more are not allowed at once"
    case .notAlive(let status): "the node is " + status.description
    }
  }

  /// A name for a text of one line: it may be what is too long.
  private static func excerpt(_ name: [UInt8]) -> String { escaped(Array(name.prefix(64))) + (name.count > 64 ? "…" : "") }
}
