/// An IP address and port, the address kept exactly as it is on the wire: 4 or 16 bytes, inline.
///
/// Go peers compare addresses as raw bytes and send one IPv4 address in either form, depending on how they were bound, so a relayed
/// address keeps its form (`memberlist.md`, rule 5). `==` is therefore over the verbatim bytes; ask ``isSameEndpoint(as:)`` when the
/// question is "the same socket?".
///
/// A link-local IPv6 address means something only together with an interface, its ``zone``. A zone has a meaning on this machine only: it is not part
/// of ``bytes`` and is never sent.
public struct NodeAddress: Hashable, Sendable {
  /// Bytes 0–7 in network order, zero beyond ``byteCount``.
  @usableFromInline package let high: UInt64
  /// Bytes 8–15 in network order.
  @usableFromInline package let low: UInt64
  /// 4 or 16.
  public let byteCount: UInt8
  /// The port; 0 stands for "not stated".
  public var port: UInt16
  /// The index of the interface that a link-local IPv6 address is on; 0, the default, for none. `==` tells zones apart.
  public var zone: UInt32 = 0

  /// The address in `bytes`, or nil unless there are 4 or 16 of them.
  public init?(bytes: RawSpan, port: UInt16) {
    switch bytes.byteCount {
    case 4:
      high = UInt64(UInt32(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt32.self))) << 32
      low = 0
    case 16:
      high = UInt64(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self))
      low = UInt64(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt64.self))
    default: return nil
    }
    byteCount = UInt8(bytes.byteCount)
    self.port = port
  }

  /// The address in `bytes`, or nil unless there are 4 or 16 of them.
  public init?(bytes: [UInt8], port: UInt16) {
    self.init(bytes: bytes.span.bytes, port: port)
  }

  /// An IPv4 address in its 4-byte form.
  public init(ipv4 a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, port: UInt16) {
    high = UInt64(a) << 56 | UInt64(b) << 48 | UInt64(c) << 40 | UInt64(d) << 32
    low = 0
    byteCount = 4
    self.port = port
  }

  /// The address in two words, for our own socket layer.
  package init(high: UInt64, low: UInt64, byteCount: UInt8, port: UInt16, zone: UInt32 = 0) {
    self.high = high
    self.low = low
    self.byteCount = byteCount
    self.port = port
    self.zone = zone
  }

  /// The byte at `index` in network order.
  @inlinable public subscript(index: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: (index < 8 ? high : low) >> (56 - 8 * UInt64(index & 7)))
  }

  /// The verbatim bytes in network order.
  public var bytes: [UInt8] { (0..<Int(byteCount)).map { self[$0] } }

  /// True for an IPv4 address in either of its forms.
  public var isIPv4: Bool { byteCount == 4 || (high == 0 && low >> 32 == 0xffff) }

  /// True for `0.0.0.0` and `::`.
  public var isUnspecified: Bool { canonical.high == 0 && canonical.low == 0 }

  /// True for `127.0.0.0/8` and `::1`.
  public var isLoopback: Bool { isIPv4 ? canonical[0] == 127 : high == 0 && low == 1 }

  /// True for `224.0.0.0/4` and `ff00::/8`: a group of hosts.
  public var isMulticast: Bool { isIPv4 ? canonical[0] & 0xf0 == 0xe0 : self[0] == 0xff }

  /// True for `255.255.255.255`, all hosts of the link (RFC 919). The broadcast address of a subnet cannot be told from a host's without
  /// the subnet's mask.
  public var isBroadcast: Bool { isIPv4 && canonical.high >> 32 == 0xffff_ffff }

  /// Whether it names one host: neither unspecified, nor multicast, nor broadcast. The port does not matter.
  public var isUnicast: Bool { !isUnspecified && !isMulticast && !isBroadcast }

  /// Whether another node can send to a member here: one host, and a port that is not 0. A node neither advertises nor believes any other address.
  public var isUsableAsPeer: Bool { isUnicast && port != 0 }

  /// Whether it is valid on one link only: `169.254.0.0/16` and `fe80::/10`.
  public var isLinkLocal: Bool {
    isIPv4 ? canonical[0] == 169 && canonical[1] == 254 : self[0] == 0xfe && self[1] & 0xc0 == 0x80
  }

  /// The same address with IPv4 in 4 bytes: one form for each socket, for use as a table key. IPv6 keeps its zone; IPv4 has none.
  public var canonical: NodeAddress {
    byteCount == 16 && isIPv4 ? NodeAddress(high: low << 32, low: 0, byteCount: 4, port: port) : self
  }

  /// The 16-byte form (`::ffff:a.b.c.d` for IPv4).
  public var mapped: NodeAddress {
    byteCount == 4 ? NodeAddress(high: 0, low: 0xffff_0000_0000 | high >> 32, byteCount: 16, port: port) : self
  }

  /// Whether both name one socket, whatever form the bytes have. An address without a zone, as gossip brings it, fits any zone.
  public func isSameEndpoint(as other: NodeAddress) -> Bool {
    var mine = canonical
    let theirs = other.canonical
    if mine.zone == 0 || theirs.zone == 0 { mine.zone = theirs.zone }
    return mine == theirs
  }

  /// The same address, zone included, with another port.
  public func with(port: UInt16) -> NodeAddress {
    var copy = self
    copy.port = port
    return copy
  }
}

extension NodeAddress: CustomStringConvertible {
  /// `127.0.0.1:7946`, `[::1]:7946` or `[fe80::1%3]:7946`.
  public var description: String { (isIPv4 ? host : "[" + host + "]") + ":" + String(port) }

  /// The address without its port: dotted IPv4 (also for the mapped form), or IPv6 as RFC 5952 writes it, with `%` and the
  /// zone where there is one.
  public var host: String {
    if isIPv4 {
      let address = canonical
      return (0..<4).map { String(address[$0]) }.joined(separator: ".")
    }
    let groups = (0..<8).map { UInt16(self[2 * $0]) << 8 | UInt16(self[2 * $0 + 1]) }
    let gap = Self.longestZeroRun(groups)
    func text(_ range: Range<Int>) -> String { range.map { String(groups[$0], radix: 16) }.joined(separator: ":") }
    let scope = zone == 0 ? "" : "%" + String(zone)
    guard gap.count > 1 else { return text(0..<8) + scope }
    return text(0..<gap.lowerBound) + "::" + text(gap.upperBound..<8) + scope
  }

  private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int> {
    var best = 0..<0
    var start = 0
    for index in 0...groups.count {
      guard index == groups.count || groups[index] != 0 else { continue }
      if index - start > best.count { best = start..<index }
      start = index + 1
    }
    return best
  }
}
