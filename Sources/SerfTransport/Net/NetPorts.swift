import Logging
import NIOCore
import SerfPrimitives

/// TCP and UDP on one port.
struct NetPorts {
  let tcp: TCPPort
  let udp: any DatagramSocket

  /// TCP first, and UDP on the same port. If the kernel chose the port and it is in use for UDP, another one is tried.
  static func bind(
    _ address: NodeAddress, attempts: Int = 10, on loop: any EventLoop, logger: Logger
  ) -> EventLoopFuture<NIOLoopBound<NetPorts>> {
    TCPPort.bind(address, on: loop, logger: logger).flatMap { tcp in
      DatagramPort.bind(tcp.value.localAddress, on: loop, logger: logger)
        .map { udp in NIOLoopBound(NetPorts(tcp: tcp.value, udp: udp.value), eventLoop: loop) }
        .flatMapError { error in
          tcp.value.close().flatMap {
            guard address.port == 0, attempts > 1 else { return loop.makeFailedFuture(error) }
            return bind(address, attempts: attempts - 1, on: loop, logger: logger)
          }
        }
    }
  }
}
