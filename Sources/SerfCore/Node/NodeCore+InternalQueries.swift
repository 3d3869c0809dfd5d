package import SerfPrimitives
import SerfWire

/// The cluster's own questions (`serf.md` section 10).
extension NodeCore {
  // MARK: Answering

  /// A query that begins with `_serf_` has arrived, which this node answers itself.
  mutating func internalQueryArrived(_ query: ReceivedQuery, name: [UInt8], payload: [UInt8]) {
    switch InternalQuery(name: name) {
    case .ping: break  // The ack is the answer.
    case .conflict: conflictAsked(query, about: NodeName(bytes: payload))
    case .key(let kind): keyOperationAsked(query, kind, payload)
    case nil:
      counters.internalQueriesUnknown += 1
      diagnose(.unknownInternalQuery(name, from: query.source))
    }
  }

  /// A member that shares its name with another node asks which of the two we know. Both of them have an interest, so they do not answer.
  private mutating func conflictAsked(_ query: ReceivedQuery, about node: NodeName) {
    guard node != name else { return }
    let known = table[node]?.member
    if answer(query, with: Self.conflictAnswer(known)) { return }
    // The asking member looks at the address only, and with a long name and many tags the rest may be too large.
    var outline = known
    outline?.tags = [:]
    _ = answer(query, with: Self.conflictAnswer(outline))
  }

  private static func conflictAnswer(_ member: SerfMember?) -> [UInt8] {
    var payload: [UInt8] = []
    ConflictResponseMessage.encode(member, into: &payload)
    return payload
  }

  /// The keyring is the transport's, and its file is written beside the event loop: so the answer is given later.
  private mutating func keyOperationAsked(_ query: ReceivedQuery, _ kind: KeyOperation.Kind, _ payload: [UInt8]) {
    let operation: KeyOperation
    do throws(WireError) {
      operation = try KeyOperation(kind, decoding: payload.span.bytes)
    } catch {
      counters.keyOperationsRefused += 1
      return answer(query, with: .refused("the key request cannot be read: \(error)"))
    }
    guard pendingKeyOperations.count < Self.keyOperationLimit else {
      counters.keyOperationsRefused += 1
      return answer(query, with: .refused("\(Self.keyOperationLimit) key operations are waiting here already"))
    }
    counters.keyOperations += 1
    pendingKeyOperations[query.id] = query
    outbox.push(.keyOperation(query.id, operation, from: query.source))
  }

  /// The operation of a ``NodeOutput/keyOperation(_:_:from:)`` was done, or not; what the asking member learns of it.
  package mutating func keyOperationEnded(_ id: SerfQuery.ID, _ answer: KeyAnswer, at now: Instant) {
    guard status != .shutDown, let query = pendingKeyOperations.removeValue(forKey: id) else { return }
    self.now = now
    self.answer(query, with: answer)
  }

  private mutating func answer(_ query: ReceivedQuery, with answer: KeyAnswer) {
    let limit = configuration.queries.answerSizeLimit
    guard query.deadline > now, let payload = answer.fitting(limit, size: { encodeResponse(query.id, flags: 0, $0).count }) else {
      counters.keyAnswersNotSent += 1
      return diagnose(.keyAnswerNotSent(to: query.source, isLate: query.deadline <= now))
    }
    _ = self.answer(query, with: payload)
  }

  /// Sends it if it is not too large.
  private mutating func answer(_ query: ReceivedQuery, with payload: [UInt8]) -> Bool {
    let message = encodeResponse(query.id, flags: 0, payload)
    guard message.count <= configuration.queries.answerSizeLimit else { return false }
    counters.answersSent += 1
    if query.source == name { answerArrived(query.id, from: name, payload) } else { send(message, answering: query) }
    return true
  }

  /// How many key operations may wait at once: an operator does one after the other.
  private static let keyOperationLimit = 16

  // MARK: Asking

  /// Asks every member to do this with its keyring. Its answers are ``KeyAnswer``s.
  package mutating func keyQuery(
    _ operation: KeyOperation, options: SerfQuery.Options, at now: Instant
  ) throws(SerfCoreError) -> SerfQuery.ID {
    try ask(
      name: Array(InternalQuery.key(operation.kind).name.utf8), payload: operation.payload, options: options, addressing: .everyMember,
      at: now)
  }
}
