package import SerfPrimitives

/// How much each peer holds of something that all peers share, and which peer makes room when it is used up (`secure-transport.md` 3.2).
///
/// Any peer may take a free place. When none is free, the holder that has most gives up its oldest part. So a peer that fills the node displaces only
/// itself, and every other peer finds a place. Shares are counted in places (each part has the amount 1) or in bytes.
package struct FairShares {
  /// The account that a part is charged to.
  package enum Holder: Hashable, Sendable {
    /// A peer whose name is proven.
    case name(NodeName)
    /// A host, if no name is proven: an IPv4 address, or the /64 of an IPv6 address, because a host has all of a /64.
    case source(NodeAddress)

    /// The account of the peer with this name, or of this address where no name is proven.
    package init(_ name: NodeName?, at address: NodeAddress) {
      self = name.map { .name($0) } ?? .source(address.hostNetwork)
    }

    /// The account of this peer.
    package init(_ peer: Peer) { self.init(peer.provenName, at: peer.address) }
  }

  private struct Part {
    let holder: Holder
    let order: UInt64
    var amount: Int
  }

  private struct Account {
    var total = 0
    /// Its parts, the oldest first.
    var parts: [StreamID] = []
  }

  private var parts: [StreamID: Part] = [:]
  private var accounts: [Holder: Account] = [:]
  private var added: UInt64 = 0

  /// The sum of all parts.
  package private(set) var total = 0

  /// Shares of which nothing is held.
  package init() {}

  /// How many parts there are, including those of amount 0.
  package var count: Int { parts.count }

  /// Whether a part with this ID exists.
  package func contains(_ id: StreamID) -> Bool { parts[id] != nil }

  /// The account that a part is charged to.
  package func holder(of id: StreamID) -> Holder? { parts[id]?.holder }

  /// How much a holder has.
  package func total(of holder: Holder) -> Int { accounts[holder]?.total ?? 0 }

  /// Adds a part. Its age counts from now. An ID that is known already is not added again.
  package mutating func add(_ id: StreamID, of holder: Holder, amount: Int = 0) {
    guard parts[id] == nil else { return }
    added += 1
    parts[id] = Part(holder: holder, order: added, amount: 0)
    accounts[holder, default: Account()].parts.append(id)
    set(amount, of: id)
  }

  /// Changes the amount of a part.
  package mutating func set(_ amount: Int, of id: StreamID) {
    guard let part = parts[id], part.amount != amount else { return }
    parts[id]?.amount = amount
    accounts[part.holder]?.total += amount - part.amount
    total += amount - part.amount
  }

  /// Takes a part out.
  package mutating func remove(_ id: StreamID) {
    set(0, of: id)
    guard let holder = parts.removeValue(forKey: id)?.holder, let index = accounts[holder]?.parts.firstIndex(of: id) else { return }
    accounts[holder]?.parts.remove(at: index)
    if accounts[holder]?.parts.isEmpty ?? true { accounts[holder] = nil }
  }

  /// The part that has to go so that `holder` can have `wanted` more, or nil when `holder` would hold most and has nothing to give up.
  ///
  /// It is the oldest part with an amount above 0 of the holder that would then have most. If the asking holder would have at least as much as any
  /// other, it is one of its own. If several other holders have the same, it is the oldest of their parts. `holder` nil: the room is for our own use.
  package func nextToGo(for wanted: Int, of holder: Holder?) -> StreamID? {
    var most: (holder: Holder, total: Int, oldest: StreamID, order: UInt64)?
    for (other, account) in accounts where account.total > 0 && other != holder {
      if let most, account.total < most.total { continue }
      guard let (id, order) = oldest(of: account) else { continue }
      if let found = most, account.total == found.total, order > found.order { continue }
      most = (other, account.total, id, order)
    }
    guard let holder else { return most?.oldest }
    let own = accounts[holder]
    if let most, most.total > (own?.total ?? 0) + wanted { return most.oldest }
    return own.flatMap { oldest(of: $0)?.id }
  }

  private func oldest(of account: Account) -> (id: StreamID, order: UInt64)? {
    for id in account.parts {
      if let part = parts[id], part.amount > 0 { return (id, part.order) }
    }
    return nil
  }
}

extension NodeAddress {
  /// What one host can send from: its IPv4 address, or the /64 that its IPv6 address is in. Without port and zone.
  package var hostNetwork: NodeAddress {
    let address = canonical
    return NodeAddress(high: address.high, low: address.byteCount == 4 ? address.low : 0, byteCount: address.byteCount, port: 0)
  }
}
