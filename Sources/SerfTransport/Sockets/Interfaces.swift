import NIOCore
package import SerfPrimitives

/// The addresses of this machine.
package enum Interfaces {
  /// What a node bound to any address advertises: a private IPv4 address (RFC 1918, RFC 6598) if there is one, else any other that is neither
  /// loopback nor link-local. Nil when the machine has none.
  package static func advertisable(among addresses: [NodeAddress] = all()) -> NodeAddress? {
    let candidates = addresses.filter { !$0.isLoopback && !isLinkLocal($0) && !$0.isUnspecified }
    return candidates.first(where: isPrivate) ?? candidates.first(where: \.isIPv4) ?? candidates.first
  }

  /// Every address of every interface, with port 0. Empty when the system does not tell.
  package static func all() -> [NodeAddress] {
    ((try? System.enumerateDevices()) ?? []).compactMap { $0.address.flatMap(NodeAddress.init)?.with(port: 0) }
  }

  /// The addresses of one interface, or nil when there is none of that name.
  package static func addresses(of interface: String) -> [NodeAddress]? {
    guard let devices = try? System.enumerateDevices() else { return nil }
    let found = devices.filter { $0.name == interface }
    return found.isEmpty ? nil : found.compactMap { $0.address.flatMap(NodeAddress.init)?.with(port: 0) }
  }

  /// 169.254.0.0/16 and fe80::/10.
  package static func isLinkLocal(_ address: NodeAddress) -> Bool {
    let address = address.canonical
    return address.isIPv4 ? address[0] == 169 && address[1] == 254 : address[0] == 0xfe && address[1] & 0xc0 == 0x80
  }

  /// 10/8, 172.16/12, 192.168/16 and 100.64/10.
  private static func isPrivate(_ address: NodeAddress) -> Bool {
    let address = address.canonical
    guard address.isIPv4 else { return false }
    return switch (address[0], address[1]) {
    case (10, _), (192, 168): true
    case (172, let second): (16...31).contains(second)
    case (100, let second): (64...127).contains(second)
    default: false
    }
  }
}
