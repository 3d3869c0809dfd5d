package import NIOCore
package import SerfPrimitives

extension SocketAddress {
  /// The socket address for `address`, with its zone; a mapped IPv4 address becomes plain IPv4.
  package init(_ address: NodeAddress) {
    let canonical = address.canonical
    do {
      self = try SocketAddress(packedIPAddress: ByteBuffer(bytes: canonical.bytes), port: Int(canonical.port))
    } catch {
      preconditionFailure("a NodeAddress has 4 or 16 bytes")
    }
    if canonical.zone != 0, case .v6(let made) = self {
      var scoped = made.address
      // sin6_scope_id, at the offset at which it is also read.
      withUnsafeMutableBytes(of: &scoped) { $0.storeBytes(of: canonical.zone, toByteOffset: Self.zoneOffset, as: UInt32.self) }
      self = SocketAddress(scoped, host: "")
    }
  }

  /// Where struct sockaddr_in6 has the interface of a link-local address.
  fileprivate static var zoneOffset: Int { 24 }
}

extension NodeAddress {
  /// The IP address, port and zone in `address`, IPv4 in 4 bytes; nil for a Unix socket. Allocates nothing: it is called for every packet.
  package init?(_ address: SocketAddress) {
    // struct sockaddr_in: family at 0, port at 2, address at 4. struct sockaddr_in6: the same, with flow information at 4 and the address at 8.
    let (offset, count): (Int, Int)
    switch address {
    case .v4: (offset, count) = (4, 4)
    case .v6: (offset, count) = (8, 16)
    case .unixDomainSocket: return nil
    }
    let made = address.withSockAddr { pointer, size -> NodeAddress? in
      let bytes = UnsafeRawBufferPointer(start: pointer, count: size)
      guard bytes.count >= offset + count else { return nil }
      let port = UInt16(bytes[2]) << 8 | UInt16(bytes[3])
      var made = NodeAddress(bytes: RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])), port: port)
      if count == 16, bytes.count >= SocketAddress.zoneOffset + 4 {
        made?.zone = bytes.loadUnaligned(fromByteOffset: SocketAddress.zoneOffset, as: UInt32.self)
      }
      return made
    }
    guard let made else { return nil }
    self = made.canonical
  }

  /// This destination as a socket bound to `local` can reach it: a link-local address without a zone, which is how gossip brings it, gets the
  /// socket's zone.
  package func scoped(by local: NodeAddress) -> NodeAddress {
    guard local.zone != 0, zone == 0, !isIPv4, isLinkLocal else { return self }
    var scoped = self
    scoped.zone = local.zone
    return scoped
  }

  /// This source as seen by a socket bound to `local`: the socket's own zone is left out, so that a peer's address is the one that gossip brings.
  package func unscoped(by local: NodeAddress) -> NodeAddress {
    guard zone != 0, zone == local.zone else { return self }
    var unscoped = self
    unscoped.zone = 0
    return unscoped
  }
}
