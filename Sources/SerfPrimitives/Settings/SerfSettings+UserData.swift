extension SerfSettings {
  /// What the program itself puts into the cluster's traffic, and what waits for its delegate.
  public struct UserData: Hashable, Sendable {
    /// Bytes of the state that goes along with each push/pull, our own and what a peer sends. A larger one of a peer is dropped. Default 1 MiB, which
    /// is also the most. It crosses the network with every push/pull, so keep it small where there are many members.
    public var stateSizeLimit = largestSize
    /// Bytes of a message between nodes, our own and what a peer sends. A larger one of a peer is dropped. Default 64 KiB, at most 1 MiB. Set it
    /// alike at all members.
    public var messageSizeLimit = 64 << 10
    /// Our messages to other nodes that have not ended. Default 64. More of them use more memory, up to this number times ``messageSizeLimit``.
    public var messagesInFlight = 64
    /// Calls that wait for the delegate. Default 1,024. What comes when so many wait is dropped and counted.
    public var delegateQueueLimit = 1_024
    /// Bytes of messages and states that wait for the delegate. Default 16 MiB. What does not fit is dropped and counted.
    public var delegateQueueBytes = 16 << 20

    /// The most that a state or a message may be.
    package static let largestSize = 1 << 20

    /// The defaults.
    public init() {}

    /// Throws for the first setting that a node cannot work with.
    package func check() throws(SettingOutOfBounds) {
      try SettingBounds.check(stateSizeLimit, "SerfConfiguration.userData.stateSizeLimit", to: Self.largestSize)
      try SettingBounds.check(messageSizeLimit, "SerfConfiguration.userData.messageSizeLimit", to: Self.largestSize)
      try SettingBounds.check(messagesInFlight, "SerfConfiguration.userData.messagesInFlight", from: 1)
      try SettingBounds.check(delegateQueueLimit, "SerfConfiguration.userData.delegateQueueLimit", from: 1)
      try SettingBounds.check(delegateQueueBytes, "SerfConfiguration.userData.delegateQueueBytes")
    }
  }
}
