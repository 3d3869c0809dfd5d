import NIOCore
package import SerfPrimitives

#if canImport(Glibc)
  import Glibc
#else
  import Musl
#endif

/// The addresses of this machine.
package enum Interfaces {
  /// The address at which others reach a socket that is bound to `local`. Bound to any address, it is reached at a private IPv4 address (RFC 1918,
  /// RFC 6598) if the machine has one. Otherwise it is reached at any other address that is neither loopback nor link-local, of a family that the
  /// socket receives: IPv4 for `0.0.0.0`, both for `[::]`. Nil when the machine has none.
  package static func reachable(boundTo local: NodeAddress, among addresses: [NodeAddress] = all()) -> NodeAddress? {
    guard local.isUnspecified else { return local }
    let candidates = addresses.filter { $0.isUnicast && !$0.isLoopback && !$0.isLinkLocal && (!local.isIPv4 || $0.isIPv4) }
    let chosen = candidates.first(where: isPrivate) ?? candidates.first(where: \.isIPv4) ?? candidates.first
    return chosen?.with(port: local.port)
  }

  /// Every address of every interface, with port 0, those of the loopback interface last, because others do not reach this machine at an address that
  /// is configured there, such as that of a service. Empty when the system does not give them.
  package static func all() -> [NodeAddress] {
    let devices = (try? System.enumerateDevices()) ?? []
    let sorted = devices.filter { $0.name != "lo" } + devices.filter { $0.name == "lo" }
    return sorted.compactMap { $0.address.flatMap(NodeAddress.init)?.with(port: 0) }
  }

  /// The addresses of one interface, or nil when there is none of that name.
  package static func addresses(of interface: String) -> [NodeAddress]? {
    guard let devices = try? System.enumerateDevices() else { return nil }
    let found = devices.filter { $0.name == interface }
    return found.isEmpty ? nil : found.compactMap { $0.address.flatMap(NodeAddress.init)?.with(port: 0) }
  }

  /// Reads what `NodeAddress(parsing:defaultPort:)` reads, and interfaces by name as zones: `fe80::1%eth0`, `[fe80::1%eth0]:7946`. Nil when the text
  /// is no address.
  ///
  /// - Throws: ``SerfError/Code/configuration`` when this machine has no such interface.
  package static func address(parsing text: String, defaultPort: UInt16) throws(SerfError) -> NodeAddress? {
    if let address = NodeAddress(parsing: text, defaultPort: defaultPort) { return address }
    guard let percent = text.firstIndex(of: "%") else { return nil }
    let end = text.hasPrefix("[") ? text.lastIndex(of: "]") ?? text.endIndex : text.endIndex
    let start = text.index(after: percent)
    guard start < end, NodeAddress(parsing: String(text[..<percent] + text[end...]), defaultPort: defaultPort) != nil else { return nil }
    let name = String(text[start..<end])
    let index = if_nametoindex(name)
    guard index != 0 else {
      throw SerfError(.configuration, "there is no network interface '\(name)'; 'ip address' lists them")
    }
    return NodeAddress(parsing: String(text[..<start]) + String(index) + String(text[end...]), defaultPort: defaultPort)
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
