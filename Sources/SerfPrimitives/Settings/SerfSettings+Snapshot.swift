extension SerfSettings {
  /// A file in which a node remembers the members and clocks, so that it finds the cluster again after a restart.
  public struct Snapshot: Hashable, Sendable {
    /// The file. Its directory must exist, and each node needs a file of its own. Default nil: none is kept. A path that begins with `/` does not depend
    /// on where the program was started.
    public var path: String?
    /// Whether the node goes back to the cluster although it left it the last time. Default false: a node that left stays alone until it joins. Set it
    /// where a node leaves at each restart, and there are no addresses to join.
    public var rejoinAfterLeave = false
    /// The file grows with each change, and is written anew when it is larger than this many bytes, or than 256 bytes for each member that is alive, or
    /// than twice what it was when it was written anew the last time. Default 128 KiB. A smaller file is written anew more often.
    public var minimumCompactionSize = 128 * 1_024

    /// No snapshot.
    public init() {}

    /// Throws for the first setting that a node cannot work with.
    package func check() throws(SettingOutOfBounds) {
      guard path.map({ !$0.isEmpty && !$0.utf8.contains(0) }) ?? true else {
        throw SettingOutOfBounds(setting: "SerfConfiguration.snapshot.path", bounds: "a path, or nil")
      }
      try SettingBounds.check(minimumCompactionSize, "SerfConfiguration.snapshot.minimumCompactionSize")
    }
  }
}
