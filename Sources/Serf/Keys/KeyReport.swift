import SerfCore
public import SerfPrimitives

/// What the members said to an operation with their keys.
public struct KeyReport: Hashable, Sendable {
  /// How many members were asked: those that were alive, as far as this node knew, and any other that answered.
  public package(set) var nodes = 0
  /// How many of them answered.
  public package(set) var answers = 0
  /// How many of these could not do it.
  public package(set) var errors = 0
  /// What members said besides: why they could not do it, or a remark.
  public package(set) var messages: [NodeName: String] = [:]
  /// Each key in base64, and how many members have it; only when the keys are listed. A member with more keys than fit into its answer lists the first
  /// of them, and says so in ``messages``.
  public package(set) var keys: [String: Int] = [:]
  /// Each key that is the primary one of a member, and of how many; only when the keys are listed.
  public package(set) var primaryKeys: [String: Int] = [:]
  /// The members that did not answer in time.
  public package(set) var silent: Set<NodeName> = []

  package init(asking members: Set<NodeName>) {
    nodes = members.count
    silent = members
  }

  /// Whether every member has done it.
  public var isComplete: Bool { errors == 0 && silent.isEmpty && answers > 0 }

  /// What is missing, in the words of Go's agents; nil if every member has done it.
  public var problem: String? {
    if errors > 0 { return "\(errors)/\(nodes) nodes reported failure" }
    return isComplete ? nil : "\(answers)/\(nodes) nodes reported success"
  }

  mutating func count(_ answer: QueryAnswer) {
    if silent.remove(answer.from) == nil { nodes += 1 }
    answers += 1
    let payload = answer.payload.bytes
    do throws(WireErrorText) {
      count(try Self.decode(payload), from: answer.from)
    } catch {
      errors += 1
      messages[answer.from] = "its answer cannot be read: \(error.text)"
    }
  }

  private mutating func count(_ answer: KeyAnswer, from member: NodeName) {
    if !answer.succeeded { errors += 1 }
    if !answer.succeeded || !answer.text.isEmpty { messages[member] = answer.text }
    guard answer.succeeded, let listed = answer.keys, !listed.isEmpty || !answer.primaryKey.isEmpty else { return }
    // A key that a member lists twice is one key of that member.
    for key in Set(listed) { keys[String(decoding: key, as: UTF8.self), default: 0] += 1 }
    primaryKeys[String(decoding: answer.primaryKey, as: UTF8.self), default: 0] += 1
  }

  private struct WireErrorText: Error { let text: String }

  private static func decode(_ payload: [UInt8]) throws(WireErrorText) -> KeyAnswer {
    do { return try KeyAnswer(decoding: payload.span.bytes) } catch { throw WireErrorText(text: "\(error)") }
  }

  /// This node cannot ask for it, for this reason.
  static func refused(by node: NodeName, asking members: Set<NodeName>, _ reason: String) -> KeyReport {
    var report = KeyReport(asking: members.union([node]))
    report.silent = []
    (report.answers, report.errors, report.messages) = (1, 1, [node: reason])
    return report
  }
}
