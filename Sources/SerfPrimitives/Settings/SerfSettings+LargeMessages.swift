extension SerfSettings {
  /// User events, queries and answers with large payloads, between members over QUIC (<doc:large-messages>).
  ///
  /// A payload above ``pushLimit`` is not gossiped. Members gossip an offer of it, and each that lacks it fetches it from one that has it.
  public struct LargeMessages: Hashable, Sendable {
    /// Bytes of payloads that a node keeps, so that other members can fetch them; the oldest are given up first. Default 32 MiB, at least 1 MiB. A member
    /// that joins late gets the large events whose payloads are still kept by the member that it joins.
    public var heldBytes = 32 << 20
    /// Payloads that a node fetches at once. Default 4.
    public var fetchesInFlight = 4
    /// Bytes of payloads that a node fetches of what one member has sent, each minute. Default 8 MiB, at least 1 MiB. What is more waits.
    public var bytesPerOrigin = 8 << 20
    /// Bytes of payloads that a node sends to one member that fetches, each second. Default 4 MiB, at least 1 MiB. What is more waits.
    public var servedBytesPerSecond = 4 << 20

    /// The most bytes that a message with its payload may have: 1 MiB, the upper bound of the limits of events, queries and answers.
    public static let largestSize = 1 << 20
    /// Up to this many bytes, 16 KiB, a message that no packet can hold is sent as it is. Above, it is offered.
    public static let pushLimit = 16 << 10

    /// The defaults.
    public init() {}

    /// Throws for the first setting that a node cannot work with.
    package func check() throws(SettingOutOfBounds) {
      try SettingBounds.check(heldBytes, "SerfConfiguration.largeMessages.heldBytes", from: Self.largestSize)
      try SettingBounds.check(fetchesInFlight, "SerfConfiguration.largeMessages.fetchesInFlight", from: 1, to: SettingBounds.largestFactor)
      try SettingBounds.check(bytesPerOrigin, "SerfConfiguration.largeMessages.bytesPerOrigin", from: Self.largestSize)
      try SettingBounds.check(
        servedBytesPerSecond, "SerfConfiguration.largeMessages.servedBytesPerSecond", from: Self.largestSize, to: 1 << 28)
    }
  }
}
