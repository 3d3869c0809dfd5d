/// The short names that a program has itself. `Collides` uses them beside those of the library.
public struct Event { public init() {} }
public struct Member { public init() {} }
public struct Peer { public init() {} }
public struct Instant { public init() {} }
public struct Pattern { public init() {} }
public enum Destination { case home }
public enum Compression { case none, best }
public enum Protection { case none, full }

public func escaped(_ text: String) -> String { text.debugDescription }

extension Duration {
  public static func days(_ count: Int) -> Duration { .seconds(86_400 * count) }
  public var seconds: Double { self / .seconds(1) }
  public var milliseconds: Double { self / .milliseconds(1) }
  public var nanoseconds: Double { self / .nanoseconds(1) }
}
