import SerfPrimitives

/// A push/pull out of turn that is due: after a join, or after an exchange that brought members which gossip had not brought.
struct FollowUp: Sendable {
  /// Tells its timer from that of one that it replaced.
  let number: UInt32
  let step: Int
  let followsJoin: Bool
  /// How many members were known when it was scheduled.
  let known: Int

  /// The shortest time before a step; up to twice as long. The times double, and end with the last one that is shorter than half of the interval of
  /// push/pulls: in a LAN 1–2, 2–4, 4–8 and 8–16 s.
  static func pause(_ step: Int, _ configuration: MembershipConfiguration) -> Duration? {
    let pause = max(configuration.gossip.interval, .milliseconds(100)) * 5 * (1 << step)
    return step == 0 || pause * 2 <= configuration.pushPull.interval ? pause : nil
  }
}
