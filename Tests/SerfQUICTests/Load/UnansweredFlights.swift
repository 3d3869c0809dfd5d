import SerfPrimitives

/// Flights of handshakes that a node has sent and that are not answered. Each is sent again after a pause that doubles, as QUIC does (RFC 9002 section 6.2):
/// a busy peer gets more packets to read, not fewer.
struct UnansweredFlights {
  private struct Flight {
    let handshake: LoadedNetwork.Handshake
    let receiver: LoadedNode
    let end: Instant
    var due: Instant
    var pause: Duration
  }

  /// Three times the round trip that an end assumes before it has measured one.
  private static let firstPause = Duration.milliseconds(90)
  /// Then the client gives up, and says so.
  private static let life = Duration.seconds(5)

  private var flights: [Flight] = []

  var nextDeadline: Instant { flights.reduce(.distantFuture) { min($0, $1.due) } }

  mutating func sent(_ handshake: LoadedNetwork.Handshake, to receiver: LoadedNode, at now: Instant) {
    flights.append(
      Flight(handshake: handshake, receiver: receiver, end: now + Self.life, due: now + Self.firstPause, pause: Self.firstPause))
  }

  mutating func answered(_ handshake: LoadedNetwork.Handshake) { flights.removeAll { $0.handshake == handshake } }

  /// Forgets those of dials that the client has given up.
  mutating func keep(where isWanted: (LoadedNetwork.Handshake) -> Bool) { flights.removeAll { !isWanted($0.handshake) } }

  /// What is sent again now, and to whom.
  mutating func due(at now: Instant) -> [(handshake: LoadedNetwork.Handshake, receiver: LoadedNode)] {
    flights.removeAll { $0.end <= now }
    var due: [(handshake: LoadedNetwork.Handshake, receiver: LoadedNode)] = []
    for index in flights.indices where flights[index].due <= now {
      due.append((flights[index].handshake, flights[index].receiver))
      flights[index].pause *= 2
      flights[index].due = now + flights[index].pause
    }
    return due
  }
}
