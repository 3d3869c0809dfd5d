import SerfPrimitives
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A TCP connection without any layer around it, which acts at once when it is told to.
struct BareSocket: Sendable {
  private let descriptor: CInt

  /// Connects to a port of 127.0.0.1.
  init(to address: NodeAddress) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var remote = sockaddr_in()
    remote.sin_family = sa_family_t(AF_INET)
    remote.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    remote.sin_port = address.port.bigEndian
    let status = withUnsafeBytes(of: &remote) { bytes in
      connect(descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(bytes.count))
    }
    try #require(status == 0)
  }

  func send(_ bytes: [UInt8]) {
    let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    #expect(count == bytes.count)
  }

  /// Closes it with a reset.
  func reset() {
    var hard = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &hard, socklen_t(MemoryLayout<linger>.size))
    close(descriptor)
  }
}
