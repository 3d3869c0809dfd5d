/// Why a call to the agent failed. Unless a case says otherwise, the agent's state has not changed.
@nonexhaustive
public enum SerfRPCError: Error, Hashable, Sendable {
  /// No connection: the address and the reason.
  case unreachable(address: String, reason: String)
  /// The agent answered with an error; this is its text.
  case refused(String)
  /// Not every member has done what was asked with the keys: the agent's text, and what each member said. The others have done it.
  case keysRefused(String, AgentKeys)
  /// The connection ended before the answer. Whether the agent acted is unknown.
  case closed
  /// The agent sent something that is not an answer of this protocol; the connection is closed. Whether the agent acted is unknown.
  case malformed(String)
  /// The agent did not answer within this time: it may be stopped or overloaded. Whether it acted, or will, is unknown.
  case timedOut(after: Duration)
  /// The calling task was cancelled. Whether the agent acted is unknown.
  case cancelled
}

extension SerfRPCError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unreachable(let address, let reason): "cannot reach an agent at \(address): \(reason)"
    case .refused(let text), .keysRefused(let text, _): text
    case .closed: "the agent closed the connection"
    case .malformed(let what): "the other side does not speak the agent's protocol: \(what)"
    case .timedOut(let time): "the agent did not answer within \(shortText(time))"
    case .cancelled: "cancelled"
    }
  }
}

/// A time in the notation of the command line: whole seconds, or else milliseconds.
package func shortText(_ time: Duration) -> String {
  let (seconds, attoseconds) = time.components
  return attoseconds == 0 ? "\(seconds)s" : "\(seconds * 1000 + attoseconds / 1_000_000_000_000_000)ms"
}
