package import SerfPrimitives
import SerfTransport

/// The addresses at which a node would only reach itself. A list of members to join is often the same on all machines, and then names the node that
/// reads it.
package struct OwnAddresses: Sendable {
  /// The address that the transport is bound to.
  package let bound: NodeAddress
  /// The address at which others reach the node.
  package let advertised: NodeAddress?
  /// The addresses of this machine, with port 0; they count if the transport is bound to all of them.
  private let interfaces: [NodeAddress]

  package init(bound: NodeAddress, advertised: NodeAddress?, interfaces: [NodeAddress]? = nil) {
    self.bound = bound
    self.advertised = advertised
    self.interfaces = bound.isUnspecified ? interfaces ?? Interfaces.all() : []
  }

  /// Whether a dial to `address` from here reaches this node.
  package func contains(_ address: NodeAddress) -> Bool {
    if let advertised, advertised.isSameEndpoint(as: address) { return true }
    guard address.port == bound.port else { return false }
    // The system takes the unspecified address as a destination for loopback.
    let address = address.isUnspecified ? address.loopback : address.canonical
    guard bound.isUnspecified else { return bound.isSameEndpoint(as: address) }
    guard !bound.isIPv4 || address.isIPv4 else { return false }
    return address.isLoopback || interfaces.contains { $0.isSameEndpoint(as: address.with(port: 0)) }
  }
}

extension NodeAddress {
  /// `127.0.0.1` or `::1`, as the address's family is.
  fileprivate var loopback: NodeAddress {
    isIPv4
      ? NodeAddress(ipv4: 127, 0, 0, 1, port: port)
      : NodeAddress(high: 0, low: 1, byteCount: 16, port: port)
  }
}
