import SerfCore
import SerfIdentity
import SerfTransport

/// What went wrong, why, and what to do next. The ``description`` is one line for people; switch over ``code``.
public struct SerfError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is, and whether it changed anything.
  public enum Code: Hashable, Sendable {
    /// The configuration contradicts itself, a limit, or the certificate. Nothing was started.
    case configuration
    /// A certificate, key or CA file cannot be used. The current credentials stay in use.
    case credentials
    /// The address cannot be bound. Nothing was started.
    case bind
    /// This machine has no address yet at which others could reach the node. Nothing was started; another node may start later.
    case noAddress
    /// None of the addresses answered, or none accepted this node; the node goes on with the members that it has.
    case joinFailed
    /// The call does not fit the node's state: not started, leaving, left or shut down. Nothing changed.
    case state
    /// The message or the tags are above a limit. Nothing was sent or changed.
    case tooLarge
    /// Done here, but not known to have spread within the time allowed. Gossip and push/pull still spread it.
    case broadcastTimeout
    /// An argument cannot be used. Nothing changed.
    case argument
  }

  /// What kind of failure it is.
  public let code: Code
  /// The cause and the next step, in one line.
  public let message: String
  /// The underlying error, if there is one.
  public let cause: (any Error)?

  /// Whether the same call may succeed later without an operator's help. False for a join that every address refused for a reason that stays.
  package var mayPass = true

  /// An error with a line for the user.
  public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
  }

  /// The message, and the cause after a colon.
  public var description: String { cause.map { "\(message): \($0)" } ?? message }
}

extension SerfError {
  static let shutDown = SerfError(.state, "the node was shut down")

  /// A mistake of the caller, as the core names it.
  init(_ error: SerfCoreError) {
    switch error {
    case .tagsTooLarge: self.init(.tooLarge, "\(error). Use fewer or shorter tags")
    case .userEventTooLarge: self.init(.tooLarge, "\(error). Send a reference instead of the data, or raise the limit on every node")
    case .userEventLimitTooHigh, .emptyBuffer, .badName, .unusableAddress: self.init(.configuration, error.description)
    case .notAlive: self.init(.state, error.description)
    }
  }

  /// Any error that kept a node from starting.
  init(starting error: any Error) {
    switch error {
    case let error as SerfError: self = error
    case let error as SerfCoreError: self.init(error)
    case let error as TransportError: self.init(error.code == .bind ? .bind : .configuration, error.description)
    case let error as CredentialsError: self.init(.credentials, error.description)
    default: self.init(.bind, "cannot start", cause: error)
    }
  }
}
