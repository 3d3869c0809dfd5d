import SerfPrimitives
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// An address at which all traffic disappears: a UDP socket that no process reads, and on the same port a TCP listener whose queue is full, so the
/// system leaves further handshakes unanswered. With `answersDials` the listener has room, but never reads from its connections.
final class BlackHole {
  let address: NodeAddress
  private var sockets: [CInt] = []

  init(answersDials: Bool = false) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    let datagrams = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    sockets = [listener, datagrams]
    var local = sockaddr_in()
    local.sin_family = sa_family_t(AF_INET)
    local.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    try Self.with(&local) { pointer, length in
      try #require(bind(listener, pointer, length) == 0)
      try #require(listen(listener, answersDials ? 16 : 0) == 0)
      var length = length
      try #require(getsockname(listener, pointer, &length) == 0)
    }
    try Self.with(&local) { pointer, length in try #require(bind(datagrams, pointer, length) == 0) }
    address = NodeAddress(ipv4: 127, 0, 0, 1, port: UInt16(bigEndian: local.sin_port))
    for _ in 0..<(answersDials ? 0 : 4) {
      let filler = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
      sockets.append(filler)
      Self.with(&local) { pointer, length in _ = connect(filler, pointer, length) }
    }
  }

  deinit { for descriptor in sockets { close(descriptor) } }

  private static func with(_ address: inout sockaddr_in, _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) throws -> Void) rethrows {
    try withUnsafeMutablePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { try body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
  }
}
