import Foundation
import RPCTestSupport
import Testing

/// Debian's agent, running on ports that were free a moment ago.
enum DebianAgent {
  static func start(_ name: String, _ more: [String]) async throws -> LiveAgent {
    // Go's agent takes no port 0 for gossip, so one that was free a moment ago is used.
    var lastError: (any Error)?
    for _ in 0..<5 {
      let program = try Executable(
        [
          "agent", "-node", name, "-bind=127.0.0.1:\(try freePort())", "-rpc-addr=127.0.0.1:\(try freePort())", "-profile=local",
        ] + more,
        path: debianSerf)
      do { return try await LiveAgent(program, ready: "Log data will now stream") } catch { lastError = error }
    }
    throw try #require(lastError)
  }

  static func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    try withUnsafeMutableBytes(of: &address) { bytes in
      let pointer = unsafe try #require(bytes.baseAddress).assumingMemoryBound(to: sockaddr.self)
      try #require(unsafe bind(descriptor, pointer, length) == 0)
      try #require(unsafe getsockname(descriptor, pointer, &length) == 0)
    }
    return Int(UInt16(bigEndian: address.sin_port))
  }
}
