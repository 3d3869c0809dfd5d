import SerfPrimitives

extension SerfConfiguration {
  /// The members that a node joins by itself when it has started, again and again until one of them has answered, and to which it finds its way
  /// back whenever they are no members any more.
  ///
  /// ```swift
  /// configuration.join = ["10.0.0.1", "_serf._udp.example.com"]
  /// ```
  /// All nodes may have the same list: a node skips its own address. ``SerfNode/start()`` does not wait for the joins; see
  /// ``SerfNode/waitForMembers(within:where:)``.
  public struct Join: Hashable, Sendable, ExpressibleByArrayLiteral {
    /// How often a join is tried again of which no other member answered.
    public struct Retry: Hashable, Sendable {
      /// Until another member answers, or the node leaves or stops.
      public static let forever = Retry(limit: nil)
      /// One attempt only.
      public static let never = Retry(limit: 0)
      /// At most `count` times after the first attempt; 0 or less is ``never``. The node runs on when they have failed.
      public static func times(_ count: Int) -> Retry { Retry(limit: max(count, 0)) }

      /// Nil for no limit.
      let limit: Int?
    }

    /// Members to contact, as in ``SerfNode/join(_:ignoreOld:)``; looked up again at each attempt. Default none.
    public var addresses: [String]
    /// How often a failed attempt is repeated. Default ``Retry/forever``: right for a node that cannot do its work alone, and harmless otherwise.
    public var retry: Retry
    /// Whether the node keeps dialling the addresses, for as long as it lives, after one of them has answered: looked up anew each time, and each address
    /// that a host has by itself. So a cluster that has come apart heals, however long that was ago. Default: true where ``retry`` is
    /// ``Retry/forever``. An address that a live member has is never dialled, so where all is well this costs nothing but the look-ups; <doc:healing>
    /// says how many. False where the addresses are only good for the first contact, and may belong to another cluster later.
    public var isPermanent: Bool {
      get { permanence ?? (retry == .forever) }
      set { permanence = newValue }
    }
    private var permanence: Bool?
    /// Whether user events from before the join are not delivered. Default true.
    public var ignoreOld = true
    /// The pause after the first attempt; each further one is twice as long. A fifth is added or taken off by chance, so that nodes that start
    /// together do not ask together. Default one second. Choose more where many nodes wait for few seeds.
    public var firstPause = Duration.seconds(1)
    /// The longest pause, before the fifth is added. Default 30 seconds: so late a node may notice that its seeds are back.
    public var longestPause = Duration.seconds(30)

    /// Joins any of `addresses`.
    public init(_ addresses: [String], retry: Retry = .forever) {
      self.addresses = addresses
      self.retry = retry
    }

    /// Joins any of these addresses, and tries for ever.
    public init(arrayLiteral addresses: String...) { self.init(addresses) }

    func check() throws(SettingOutOfBounds) {
      try SettingBounds.check(positiveTime: firstPause, "SerfConfiguration.join.firstPause")
      try SettingBounds.check(positiveTime: longestPause, "SerfConfiguration.join.longestPause")
    }
  }
}
