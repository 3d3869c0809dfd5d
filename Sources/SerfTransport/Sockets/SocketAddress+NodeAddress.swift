package import NIOCore
package import SerfPrimitives

extension SocketAddress {
  /// The socket address for `address`; a mapped IPv4 address becomes plain IPv4.
  package init(_ address: NodeAddress) {
    let canonical = address.canonical
    do {
      self = try SocketAddress(packedIPAddress: ByteBuffer(bytes: canonical.bytes), port: Int(canonical.port))
    } catch {
      preconditionFailure("a NodeAddress has 4 or 16 bytes")
    }
  }
}

extension NodeAddress {
  /// The IP address and port in `address`, IPv4 in 4 bytes; nil for a Unix socket. Allocates nothing: it is on the way of every packet.
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
      return NodeAddress(bytes: RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])), port: port)
    }
    guard let made else { return nil }
    self = made.canonical
  }
}
