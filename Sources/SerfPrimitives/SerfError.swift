// Embedded Swift has no `any Error` to keep as a cause.
#if !hasFeature(Embedded)
  /// What went wrong, why, and what to do next: the only error that the library throws, apart from `CancellationError`.
  ///
  /// ```swift
  /// do { try await node.join(seeds) } catch let error as SerfError where error.code == .joinFailed {
  ///   for attempt in error.attempts { print(attempt) }
  /// }
  /// ```
  /// The ``description`` is one line for people; compare ``code`` to decide.
  public struct SerfError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is, and whether it changed anything.
    ///
    /// Compare with `==`, or in a `switch` with a `default`: later versions have more codes.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
      /// The configuration contradicts itself, a limit, or the certificate. Nothing was started.
      public static let configuration = Code(kind: .configuration)
      /// A certificate, key or CA file cannot be used, or a certificate cannot be issued. The current credentials stay in use.
      public static let credentials = Code(kind: .credentials)
      /// The address cannot be bound. Nothing was started.
      public static let bind = Code(kind: .bind)
      /// This machine has no address yet at which others could reach the node. Nothing was started; another node may start later.
      public static let noAddress = Code(kind: .noAddress)
      /// None of the addresses answered, or none accepted this node; the node goes on with the members that it has. See ``SerfError/attempts``.
      public static let joinFailed = Code(kind: .joinFailed)
      /// The call does not fit the node's state: not started, leaving, left or shut down. Nothing changed.
      public static let state = Code(kind: .state)
      /// The message or the tags are above a limit. Nothing was sent or changed.
      public static let tooLarge = Code(kind: .tooLarge)
      /// Done here, but not known to have spread within the time allowed. Gossip and push/pull still spread it.
      public static let broadcastTimeout = Code(kind: .broadcastTimeout)
      /// What the caller waited for did not happen within the time that the caller gave. The wait changed nothing.
      public static let timedOut = Code(kind: .timedOut)

      /// What the caller gave cannot be used, such as a filter that is no expression. Nothing was sent.
      public static let argument = Code(kind: .argument)
      /// The query has been answered by this node, or its time is over. Nothing was sent.
      public static let notAnswerable = Code(kind: .notAnswerable)
      /// The node's transport, as it is configured, does not have what this call needs. Nothing was sent.
      public static let unsupported = Code(kind: .unsupported)
      /// The member did not take the message: it is not alive, cannot be reached, or too many messages are under way. If the connection broke, it may
      /// have taken it nevertheless.
      public static let notDelivered = Code(kind: .notDelivered)
      /// The other members decided that the node's name belongs to another node, and this node has stopped. Give each node a name of its own.
      public static let nameConflict = Code(kind: .nameConflict)

      /// The configuration switches off what the call needs. Nothing changed.
      public static let disabled = Code(kind: .disabled)
      /// No coordinate of the member is known. It may be known soon, if the member keeps one.
      public static let noCoordinate = Code(kind: .noCoordinate)

      /// The code's name, such as `joinFailed`.
      public var description: String { kind.rawValue }

      private enum Kind: String {
        case configuration, credentials, bind, noAddress, joinFailed, state, tooLarge, broadcastTimeout, timedOut, argument, notAnswerable
        case disabled, noCoordinate, nameConflict, unsupported, notDelivered
      }
      private let kind: Kind
    }

    /// What kind of failure it is.
    public let code: Code
    /// What happened and the next step, in one line.
    public let message: String
    /// The underlying error, if there is one.
    public let cause: (any Error)?
    /// The attempts of a join that failed, in the order in which the caller wrote the addresses; empty with any other code. A host that stands for
    /// several addresses has one attempt for each that was contacted.
    public let attempts: [JoinAttempt]

    /// Whether the same call may succeed later without an operator's help. False for a join that every address refused for a reason that stays.
    package var mayPass = true

    /// An error with a line for the user.
    public init(_ code: Code, _ message: String, cause: (any Error)? = nil, attempts: [JoinAttempt] = []) {
      self.code = code
      self.message = message
      self.cause = cause
      self.attempts = attempts
    }

    /// The error of a part whose own words name the cause and the next step: they are the message.
    package init(_ code: Code, _ cause: any Error) { self.init(code, "\(cause)", cause: cause) }

    /// The message, and the cause after a colon unless the message is the cause's own words.
    public var description: String {
      guard let cause = cause.map(String.init(describing:)), cause != message else { return message }
      return "\(message): \(cause)"
    }
  }
#endif
