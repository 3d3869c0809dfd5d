extension SerfSettings {
  /// Network coordinates: what a node learns of round-trip times, and tells others.
  public struct Coordinates: Hashable, Sendable {
    /// Whether the node keeps a coordinate, learns those of the members that it probes, and sends its own with each answer to a probe. Default true. The
    /// coordinate adds about 130 bytes to such an answer, and a node stores about 200 bytes for each member. Members with and without coordinates go
    /// together; nothing is known of the distance to a member without.
    public var isEnabled = true

    /// The defaults.
    public init() {}
  }
}
