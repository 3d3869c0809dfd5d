import Foundation
import RPCTestSupport
import Testing

/// Debian's agent, running on ports that were free a moment ago.
enum DebianAgent {
  static func start(_ name: String, _ more: [String]) async throws -> LiveAgent {
    // Go's agent takes no port 0 for gossip and does not say which RPC port it got. Another test may take a port that was free.
    var attempt = 1
    while true {
      let program = try Executable(
        ["agent", "-node", name, "-bind=127.0.0.1:\(try freePort())", "-rpc-addr=\(try freeRPCAddress())", "-profile=local"] + more,
        path: debianSerf)
      do {
        return try await LiveAgent(program, ready: "Log data will now stream")
      } catch let error as LiveAgent.NotReady where attempt < 5 && error.description.contains("address already in use") {
        attempt += 1
      }
    }
  }

  /// An address for RPC whose port was free a moment ago, on a host that no test lets the kernel choose other ports on.
  static func freeRPCAddress() throws -> String { "127.0.0.2:\(try freePort(host: 0x7f00_0002))" }

  private static func freePort(host: UInt32 = 0x7f00_0001) throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = host.bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    try withUnsafeMutableBytes(of: &address) { bytes in
      let pointer = unsafe try #require(bytes.baseAddress).assumingMemoryBound(to: sockaddr.self)
      try #require(unsafe bind(descriptor, pointer, length) == 0)
      try #require(unsafe getsockname(descriptor, pointer, &length) == 0)
    }
    return Int(UInt16(bigEndian: address.sin_port))
  }
}
