/// What a peer reads beyond what every member reads, as it says itself (`secure-transport.md` 2.10).
///
/// A peer without a bit never gets what the bit stands for. Bits that this version does not know are kept and mean nothing.
public struct PeerFeatures: OptionSet, Hashable, Sendable {
  /// The bits.
  public let rawValue: UInt64

  /// These bits.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Bit 0: it reads exchanges that are compressed with zstd.
  public static let zstd = PeerFeatures(rawValue: 1 << 0)
  /// Bit 1: it reads events, queries and answers above 9,216 bytes, and offers of those above 16 KiB, which it fetches and serves.
  public static let largeMessages = PeerFeatures(rawValue: 1 << 1)
  /// Bit 3: it reads the user's state in a push/pull, and messages between nodes.
  public static let userData = PeerFeatures(rawValue: 1 << 3)
}
