package import SerfPrimitives

// Push/pulls that do not wait for their turn, because the layer above has seen that two states differ.
//
// A hostile peer can cause them. So each one uses up one second, and at most `limits.pushPullsOutOfTurn` of them may be done in advance.
extension Membership {
  /// Exchanges states at once with the member that this peer is.
  ///
  /// An accepted TCP connection shows only the host of the other side. If several members are at that host, one of them is chosen; if none is, any
  /// member.
  package mutating func pushPull(with peer: Peer, at now: Instant) {
    guard let partner = partner(for: peer), mayPushPullOutOfTurn(at: now) else { return }
    openPushPull(with: partner, at: now)
  }

  /// Exchanges states at once with `count` random members.
  package mutating func pushPull(withOthers count: Int, at now: Instant) {
    let me = me
    pickWarmFirst(count) { index, state in index != me && state.state == .alive }
    for partner in gossipSchedule.picked where mayPushPullOutOfTurn(at: now) { openPushPull(with: partner, at: now) }
  }

  private mutating func partner(for peer: Peer) -> NodeIndex? {
    if let name = peer.provenName, let index = table.find(name), index != me, table[index].state.isLive { return index }
    var sameHost: NodeIndex?
    var seen = 0
    for index in table.order where index != me && table[index].state.isLive {
      let address = table[index].member.address
      if address.isSameEndpoint(as: peer.address) { return index }
      guard address.isSameEndpoint(as: peer.address.with(port: address.port)) else { continue }
      seen += 1
      if random.below(seen) == 0 { sameHost = index }
    }
    if let sameHost { return sameHost }
    let me = me
    pickWarmFirst(1) { index, state in index != me && state.state == .alive }
    return gossipSchedule.picked.first
  }

  private mutating func mayPushPullOutOfTurn(at now: Instant) -> Bool {
    guard hasStarted, !isLeaving else { return false }
    let paidUntil = max(outOfTurnPaidUntil, now) + .seconds(1)
    guard paidUntil - now <= .seconds(configuration.limits.pushPullsOutOfTurn) else {
      counters.pushPullsOutOfTurnRefused += 1
      diagnose(.limitReached(.pushPullsOutOfTurn))
      return false
    }
    outOfTurnPaidUntil = paidUntil
    counters.pushPullsOutOfTurn += 1
    return true
  }
}
