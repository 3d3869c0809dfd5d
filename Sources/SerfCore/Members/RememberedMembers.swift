package import SerfPrimitives

/// The last 64 members that failed and did not leave, which a node keeps dialling after it has forgotten them (`serf.md` section 12).
///
/// A member that is alive needs no dial, and a member that left, or was made to leave, is not to be found again: neither is in it.
package struct RememberedMembers: Hashable, Sendable {
  package struct Entry: Hashable, Sendable {
    package let name: NodeName
    package let address: NodeAddress

    package init(name: NodeName, address: NodeAddress) {
      self.name = name
      self.address = address
    }
  }

  /// The oldest first.
  package private(set) var entries: [Entry] = []

  package init() {}

  package func contains(_ name: NodeName) -> Bool { entries.contains { $0.name == name } }

  /// The member has failed, at this address. The oldest makes room for it.
  package mutating func remember(_ name: NodeName, at address: NodeAddress) {
    forget(name)
    if entries.count == Self.limit { entries.removeFirst() }
    entries.append(Entry(name: name, address: address))
  }

  /// The member is alive, or left. False when it was not remembered.
  @discardableResult
  package mutating func forget(_ name: NodeName) -> Bool {
    guard let index = entries.firstIndex(where: { $0.name == name }) else { return false }
    entries.remove(at: index)
    return true
  }

  package static let limit = 64
}
