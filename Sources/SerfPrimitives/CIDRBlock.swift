/// A block of IP addresses: all that share the first bits of one, `10.0.0.0/8` or `fd00::/8`.
public struct CIDRBlock: Hashable, Sendable {
  /// The block's first address in network order, IPv4 in the upper half of `high`; all bits beyond the prefix are zero.
  private let high: UInt64
  private let low: UInt64
  private let isIPv4: Bool
  /// How many leading bits an address shares with the block: 0–32 for IPv4, 0–128 for IPv6.
  public let prefixLength: Int

  /// Reads `10.0.0.0/8`, `fd00::/8`, or a bare address, which is a block of one.
  ///
  /// Bits beyond the prefix are ignored (`10.1.2.3/8` is `10.0.0.0/8`), and a block of mapped addresses with 96 bits or more
  /// (`::ffff:10.0.0.0/104`) is one of IPv4, both as in Go's `net.ParseCIDR`. Nil for anything else, ports, zones and host names included.
  public init?(parsing text: String) {
    let bytes = Array(text.utf8)
    let slash = bytes.firstIndex(of: UInt8(ascii: "/")) ?? bytes.endIndex
    guard let host = NodeAddress.ipv4(bytes[..<slash]) ?? NodeAddress.ipv6(bytes[..<slash]),
      let written = NodeAddress(bytes: host, port: 0)
    else { return nil }
    var bits = 8 * host.count
    if slash < bytes.endIndex {
      guard let given = NodeAddress.decimal(bytes[(slash + 1)...], digits: 3), given <= bits else { return nil }
      bits = given
    }
    var address = written
    if host.count == 16, written.isIPv4, bits >= 96 {
      address = written.canonical
      bits -= 96
    }
    let mask = Self.mask(bits)
    high = address.high & mask.high
    low = address.low & mask.low
    isIPv4 = address.byteCount == 4
    prefixLength = bits
  }

  /// Whether the block has this address. IPv4 is in blocks of IPv4 only, whether it comes in 4 or in 16 bytes; port and zone do not matter.
  public func contains(_ address: NodeAddress) -> Bool {
    guard address.isIPv4 == isIPv4 else { return false }
    let address = address.canonical
    let mask = Self.mask(prefixLength)
    return address.high & mask.high == high && address.low & mask.low == low
  }

  /// A shift by 64 bits gives zero.
  private static func mask(_ bits: Int) -> (high: UInt64, low: UInt64) {
    (UInt64.max << UInt64(max(0, 64 - bits)), UInt64.max << UInt64(min(64, 128 - bits)))
  }
}

extension CIDRBlock: CustomStringConvertible {
  /// `10.0.0.0/8`, `fd00::/8`.
  public var description: String {
    NodeAddress(high: high, low: low, byteCount: isIPv4 ? 4 : 16, port: 0).host + "/" + String(prefixLength)
  }
}

/// The networks whose addresses may be members: any of several blocks.
///
/// No blocks at all allow everything, as Go's memberlist does (its documentation says the opposite).
public struct AllowedNetworks: Hashable, Sendable {
  /// The blocks; empty allows all addresses.
  public let blocks: [CIDRBlock]

  /// Every address.
  public static let all = AllowedNetworks([])

  /// The addresses in any of `blocks`; all addresses when there are none. So do not skip a block that cannot be read: if it was the only one, every
  /// address is allowed. `init(parsing:)` refuses it instead.
  public init(_ blocks: [CIDRBlock]) { self.blocks = blocks }

  /// Whether `address` may be a member's.
  public func contains(_ address: NodeAddress) -> Bool { blocks.isEmpty || blocks.contains { $0.contains(address) } }
}

#if !hasFeature(Embedded)
  extension AllowedNetworks {
    /// The networks of these texts, as ``CIDRBlock/init(parsing:)`` reads them; all addresses when there are none.
    ///
    /// - Throws: ``SerfError`` with ``SerfError/Code/configuration`` at the first text that is no network.
    public init(parsing texts: [String]) throws {
      try self.init(
        texts.map { text in
          guard let block = CIDRBlock(parsing: text) else {
            throw SerfError(.configuration, "'\(escaped(text))' is no network; write address/bits, such as 10.0.0.0/8 or fd00::/8")
          }
          return block
        })
    }
  }
#endif
