import NIOCore
import NIOPosix
import SerfPrimitives

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Splits `host:port`, `[v6]:port`, or a host alone, which then gets `defaultPort`. Nil if it is none of these.
package func hostAndPort(_ text: String, defaultPort: UInt16) -> (host: String, port: UInt16)? {
  var host = Substring(text)
  var port = Substring()
  if text.hasPrefix("[") {
    guard let end = text.firstIndex(of: "]") else { return nil }
    host = text[text.index(after: text.startIndex)..<end]
    let rest = text[text.index(after: end)...]
    guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
    port = rest.dropFirst()
    guard rest.isEmpty || !port.isEmpty else { return nil }
  } else if let colon = text.firstIndex(of: ":"), text[text.index(after: colon)...].contains(":") == false {
    host = text[..<colon]
    port = text[text.index(after: colon)...]
    guard !port.isEmpty else { return nil }
  }
  guard !host.isEmpty, !host.contains(":") || NodeAddress(parsing: String(host), defaultPort: 0) != nil else { return nil }
  guard !port.isEmpty else { return (String(host), defaultPort) }
  guard port.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(port) else { return nil }
  return (String(host), number)
}

extension SerfRPCClient {
  /// The reason of a failed connection in the system's words, without the text that the networking library adds.
  static func reason(of error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      if let attempt = error.connectionErrors.last { return reason(of: attempt.error) }
      return "the host name cannot be resolved"
    case let error as IOError: return unsafe String(cString: strerror(error.errnoCode)).lowercased()
    case ChannelError.connectTimeout: return "no answer in time"
    default: return "\(error)"
    }
  }
}
