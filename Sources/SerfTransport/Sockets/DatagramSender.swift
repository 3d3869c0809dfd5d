import NIOCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The sending half of a bound UDP socket: each datagram goes to the kernel by itself, and the kernel's result concerns that datagram alone.
///
/// NIO reads from the same socket and owns it, but does not write to it. It closes a datagram channel when a write fails with any error except
/// EMSGSIZE or EHOSTUNREACH. So a single destination without a route, which a peer may name, would cost a node its socket.
struct DatagramSender {
  private let descriptor: CInt

  /// A sender for a socket that its owner closes after the last call here.
  init(_ descriptor: CInt) { self.descriptor = descriptor }

  /// Sends one datagram, or several of `segmentSize` bytes back to back (GSO). Returns 0, or the number of the error.
  func send(_ bytes: UnsafeRawBufferPointer, segmentSize: UInt16?, to destination: SocketAddress, ecnCapable: Bool) -> CInt {
    destination.withSockAddr { address, addressSize in
      withUnsafeTemporaryAllocation(byteCount: Self.controlSize, alignment: MemoryLayout<Int>.alignment) { control in
        var used = 0
        if ecnCapable {
          // ECT(0), RFC 3168 section 5.
          let (level, type): (CInt, CInt) = destination.isIPv6 ? (CInt(IPPROTO_IPV6), IPV6_TCLASS) : (CInt(IPPROTO_IP), IP_TOS)
          Self.append(CInt(2), level, type, to: control, at: &used)
        }
        if let segmentSize { Self.append(segmentSize, Self.udpLevel, Self.udpSegment, to: control, at: &used) }
        var vector = iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
        return withUnsafeMutablePointer(to: &vector) { vector in
          var message = msghdr()
          message.msg_name = UnsafeMutableRawPointer(mutating: address)
          message.msg_namelen = socklen_t(addressSize)
          message.msg_iov = vector
          message.msg_iovlen = 1
          message.msg_control = used == 0 ? nil : control.baseAddress
          message.msg_controllen = .init(used)
          while sendmsg(descriptor, &message, CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL)) < 0 {
            if errno != EINTR { return errno }
          }
          return 0
        }
      }
    }
  }

  /// Binds a socket to `address`; the caller closes it. There is no SO_REUSEADDR: a used port must fail.
  static func bind(_ address: SocketAddress) throws(IOError) -> CInt {
    #if canImport(Glibc)
      let kind = CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    #else
      let kind = CInt(SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK)
    #endif
    let descriptor = socket(address.isIPv6 ? AF_INET6 : AF_INET, kind, 0)
    guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
    if address.isIPv6 {
      // A socket bound to `::` receives IPv4 too, whatever this machine's default is.
      var no: CInt = 0
      setsockopt(descriptor, CInt(IPPROTO_IPV6), IPV6_V6ONLY, &no, socklen_t(MemoryLayout<CInt>.size))
    }
    let status = address.withSockAddr { systemBind(descriptor, $0, socklen_t($1)) }
    guard status == 0 else {
      let error = IOError(errnoCode: errno, reason: "bind")
      close(descriptor)
      throw error
    }
    return descriptor
  }

  /// `struct cmsghdr` is a length in a word, then level and type; its data follows, and the next one begins at a word.
  private static func append<Value: BitwiseCopyable>(
    _ value: Value, _ level: CInt, _ type: CInt, to control: UnsafeMutableRawBufferPointer, at used: inout Int
  ) {
    let word = MemoryLayout<Int>.size
    let data = used + word + 2 * MemoryLayout<CInt>.size
    let end = data + MemoryLayout<Value>.size
    control.storeBytes(of: end - used, toByteOffset: used, as: Int.self)
    control.storeBytes(of: level, toByteOffset: used + word, as: CInt.self)
    control.storeBytes(of: type, toByteOffset: used + word + MemoryLayout<CInt>.size, as: CInt.self)
    control.storeBytes(of: value, toByteOffset: data, as: Value.self)
    used = (end + word - 1) / word * word
  }

  /// Enough for two control messages.
  private static let controlSize = 64
  /// SOL_UDP and UDP_SEGMENT of Linux, which not every C library names.
  private static let (udpLevel, udpSegment): (CInt, CInt) = (17, 103)
}

/// Outside the type, whose own `bind` would hide the system's.
private func systemBind(_ descriptor: CInt, _ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> CInt {
  bind(descriptor, address, size)
}

extension SocketAddress {
  fileprivate var isIPv6: Bool {
    if case .v6 = self { true } else { false }
  }
}
