import SerfCore
import SerfPrimitives
public import SerfTransport
import Synchronization

/// Changes the keys that encrypt the cluster's traffic, at all members at once and without a restart: ``SerfNode/keys``. <doc:keys> has the steps.
///
/// Each function asks every member, and returns when all that are alive have answered, or when the time of a query is over. It does not throw because
/// a member could not do it: look at ``KeyReport/isComplete`` before the next step. Changes are made one after the other; they are in the ring
/// of ``NetTransport/Settings/keyring`` and, if ``SerfConfiguration/keyringFile`` is set, in that file, when a member says that they are done.
public struct ClusterKeys: Sendable {
  let node: SerfNode

  /// Adds a key to the rings, behind the others. Members that have it already are content.
  ///
  /// - Throws: ``SerfError`` alone: ``SerfError/Code/unsupported`` where this node's transport has no keyring, or sends or accepts clear text: nothing
  ///   was sent, because the key would cross the network unprotected; ``SerfError/Code/state`` after ``SerfNode/leave()`` or ``SerfNode/shutdown()``;
  ///   what ``SerfNode/start()`` throws. `CancellationError` when the task is cancelled.
  public func install(_ key: SecretKey) async throws -> KeyReport { try await change(.install, key) }

  /// Makes a key the primary one, with which members encrypt from then on. Every member must have it: a member that does not reads nothing more.
  ///
  /// - Throws: as ``install(_:)``.
  public func use(_ key: SecretKey) async throws -> KeyReport { try await change(.use, key) }

  /// Takes a key out of the rings. A member whose primary key it is refuses. Members that do not have it are content.
  ///
  /// - Throws: as ``install(_:)``.
  public func remove(_ key: SecretKey) async throws -> KeyReport { try await change(.remove, key) }

  /// Which keys the members have.
  ///
  /// - Throws: as ``install(_:)``.
  public func list() async throws -> KeyReport {
    try await perform(KeyOperation(.list))
  }

  private func change(_ kind: KeyOperation.Kind, _ key: SecretKey) async throws -> KeyReport {
    try await perform(KeyOperation(kind, key: key.bytes))
  }

  private func perform(_ operation: KeyOperation) async throws -> KeyReport {
    let (report, refusal) = try await node.keyOperation(operation)
    if let refusal { throw SerfError(.unsupported, refusal) }
    return report
  }
}

extension SerfNode {
  /// The keys that encrypt the cluster's traffic, where the transport has a keyring.
  public var keys: ClusterKeys { ClusterKeys(node: self) }

  /// Asks all members. `refusal` says why this node's own transport has no keyring; the key of a change is then not sent.
  package func keyOperation(_ operation: KeyOperation) async throws -> (report: KeyReport, refusal: String?) {
    guard operation.kind != .list else { return try await askForKeys(operation) }
    return try await keyWriters.inTurn { [self] in try await askForKeys(operation) }
  }

  private func askForKeys(_ operation: KeyOperation) async throws -> (report: KeyReport, refusal: String?) {
    let receiver = QueryReceiver()
    let start: KeyQueryStart = try await call { driver, done in driver.keyQuery(operation, receiver, done) }
    guard let id = start.query else {
      let reason = start.refusal ?? ""
      return (.refused(by: name, asking: start.members, reason), reason)
    }
    receiver.abandoned { [weak self] in
      self?.tellDriver { $0.closeQuery(id) }
    }
    var report = KeyReport(asking: start.members)
    for try await answer in QueryAnswers(id, receiver) { report.count(answer) }
    return (report, start.refusal)
  }
}

/// How a key query began.
struct KeyQueryStart: Sendable {
  /// Nil if the members were not asked.
  var query: SerfQuery.ID?
  /// The members that are asked: those that are alive.
  var members: Set<NodeName>
  /// Why this node's transport has no keyring.
  var refusal: String?
}

/// Lets tasks work one after the other, in the order in which they came.
final class Turns: Sendable {
  private let last = Mutex<Task<Void, Never>?>(nil)

  func inTurn<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
    let once = Once<Value>()
    let task = last.withLock { last in
      let task = Task { [before = last] in
        await before?.value
        do {
          try Task.checkCancellation()
          once.resume(.success(try await work()))
        } catch { once.resume(.failure(error)) }
      }
      last = task
      return task
    }
    return try await withTaskCancellationHandler {
      try await once.wait()
    } onCancel: {
      task.cancel()
    }
  }
}
