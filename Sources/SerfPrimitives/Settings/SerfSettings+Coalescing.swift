extension SerfSettings {
  /// Events that follow each other closely and are delivered together (`serf.md` section 14).
  ///
  /// It delays what ``SerfNode/events(bufferLimit:)`` and its siblings deliver, and nothing else: the member list, the log and the figures are up to date
  /// at once, and so are queries.
  public struct Coalescing: Hashable, Sendable {
    /// How long events are collected.
    public struct Window: Hashable, Sendable {
      /// How long the first event waits at most. Zero: none waits.
      public var period: Duration
      /// How long it must be quiet before all that wait are delivered earlier than that. Zero: none waits.
      public var quiescence: Duration

      /// A window of these times; both are zero by default.
      public init(period: Duration = .zero, quiescence: Duration = .zero) {
        self.period = period
        self.quiescence = quiescence
      }

      /// 3 s, or 1 s without another event: what `serf agent` uses for members and for user events, as Go's agent does.
      public static let agent = Window(period: .seconds(3), quiescence: .seconds(1))

      package var isOpen: Bool { period > .zero && quiescence > .zero }

      fileprivate func check(_ name: String) throws(SettingOutOfBounds) {
        try SettingBounds.check(time: period, "SerfConfiguration.coalescing.\(name).period")
        try SettingBounds.check(time: quiescence, "SerfConfiguration.coalescing.\(name).quiescence")
      }
    }

    /// Members that come, go or change: of each only the latest event is delivered, together with other members' events of the same kind. A member that is
    /// back before its failure was delivered is not mentioned. Default off. Choose it where an event is expensive, such as one that writes a
    /// configuration, and a whole rack may restart at once.
    public var members = Window()
    /// User events whose senders allow it: of each name only the newest is delivered. Default off.
    public var userEvents = Window()
    /// How many user events may wait. When one more comes, those that wait are delivered early; none is lost. Default 1,024. Waiting member events have the
    /// limit of the member list.
    public var userEventLimit = 1_024
    /// How many bytes of names and payloads the waiting user events may have, with the same consequence. Default 4 MiB.
    public var userEventBytes = 4 << 20

    /// The defaults.
    public init() {}

    /// Throws for the first setting that a node cannot work with.
    package func check() throws(SettingOutOfBounds) {
      try members.check("members")
      try userEvents.check("userEvents")
      try SettingBounds.check(userEventLimit, "SerfConfiguration.coalescing.userEventLimit", from: 1)
      try SettingBounds.check(userEventBytes, "SerfConfiguration.coalescing.userEventBytes")
    }
  }
}
