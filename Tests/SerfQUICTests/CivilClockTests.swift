import SerfIdentity
import SerfPrimitives
import SerfQUIC
import Testing

/// The civil clock is set while nodes run: by a time service after a boot with a wrong clock, by an operator, by a wake from sleep
/// (`secure-transport.md` 3.6).
@Suite struct CivilClockTests {
  private static let origin = TestAuthority.origin

  /// How far a clock may be off: certificates of the tests hold from a day before the origin to 30 days after it.
  static let errors: [Duration] = [.days(-20_000), .days(-2), .days(40), .days(4000)]

  @Test("a node with a wrong clock refuses all peers, and none once the clock is right", arguments: errors)
  func wrongAtStart(error: Duration) {
    let network = EndpointNetwork()
    let a = network.node("a", number: 1)
    let b = network.node("b", number: 2)
    a.endpoint.setCivilTime(Self.origin + error, at: network.now)
    let id = a.dial(b)
    let back = b.dial(a)
    #expect(network.run(for: .seconds(15)) { a.closed[id] != nil && b.closed[back] != nil })
    #expect(a.closed[id]?.isAboutTime == true && a.turnedAway.first?.isAboutTime == true)
    a.endpoint.setCivilTime(Self.origin + .seconds(20), at: network.now)
    let again = a.dial(b)
    let backAgain = b.dial(a)
    #expect(network.run(for: .seconds(15)) { a.confirmed.contains(again) && b.confirmed.contains(backAgain) })
  }

  @Test("a live connection ends at the recheck after the clock was set past its certificate's life, and only then", arguments: errors)
  func steppedAway(error: Duration) {
    let network = EndpointNetwork()
    let a = network.node("a", number: 1)
    let b = network.node("b", number: 2)
    let id = a.dial(b)
    #expect(network.run(for: .seconds(1)) { a.confirmed.contains(id) })
    a.endpoint.setCivilTime(Self.origin + .days(29), at: network.now)
    a.endpoint.recheckCredentials(at: network.now)
    #expect(a.endpoint.peer(of: id) != nil)
    a.endpoint.setCivilTime(Self.origin + error, at: network.now)
    a.endpoint.recheckCredentials(at: network.now)
    #expect(network.run(for: .seconds(1)) { a.closed[id] != nil })
    #expect(a.closed[id]?.isAboutTime == true)
  }

  @Test("the time that counts is that of the handshake's end", arguments: [QUICRole.client, .server])
  func steppedDuringHandshake(role: QUICRole) {
    let network = EndpointNetwork()
    let a = network.node("a", number: 1)
    let b = network.node("b", number: 2)
    let id = role == .client ? a.dial(b) : b.dial(a)
    network.run(for: .seconds(1)) { role == .client || a.endpoint.counters.handshakesAccepted == 1 }
    a.endpoint.setCivilTime(Self.origin + .days(31), at: network.now)
    #expect(network.run(for: .seconds(15)) { role == .client ? a.closed[id] != nil : !a.turnedAway.isEmpty })
    #expect((role == .client ? a.closed[id] : a.turnedAway.first)?.isAboutTime == true)
  }

  @Test("peers part within one recheck after a clock goes wrong, and meet again within one after it is right")
  func recheck() {
    let network = EndpointNetwork()
    let a = PeersNode("a", number: 1, on: network)
    let b = PeersNode("b", number: 2, on: network)
    a.send([1], to: b.asMember)
    #expect(network.run(for: .seconds(1)) { b.packets.count == 1 })
    a.setCivilTime(Self.origin - .days(2))
    #expect(network.run(for: .seconds(61)) { !a.closed.isEmpty && !b.closed.isEmpty })
    a.send([2], to: b.asMember)
    b.send([3], to: a.asMember)
    network.run(for: .seconds(30))
    #expect(b.packets.count == 1 && a.packets.isEmpty)
    a.setCivilTime(Self.origin + .seconds(100))
    let corrected = network.now
    while network.now < corrected + .seconds(60), b.packets.count < 2 || a.packets.isEmpty {
      a.send([4], to: b.asMember)
      b.send([5], to: a.asMember)
      network.run(for: .seconds(1))
    }
    #expect(b.packets.last?.bytes == [4] && a.packets.last?.bytes == [5])
  }
}

extension QUICEnd {
  /// Refused because of the time alone.
  fileprivate var isAboutTime: Bool {
    switch self {
    case .peerNotAuthorised(.expired), .peerNotAuthorised(.notYetValid), .peerNotAuthorised(.issuerExpired),
      .peerNotAuthorised(.issuerNotYetValid):
      true
    default: false
    }
  }
}
