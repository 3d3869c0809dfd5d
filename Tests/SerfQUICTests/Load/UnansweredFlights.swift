import SerfPrimitives

/// Flights of handshakes that a node has sent and that are not answered. Each is sent again after a pause that doubles, as QUIC does (RFC 9002 section 6.2):
/// a busy peer gets more packets to read, not fewer.
struct UnansweredFlights {
  private struct Flight {
    let handshake: LoadedNetwork.Handshake
    let receiver: LoadedNode
    let packets: Int
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

  mutating func sent(_ handshake: LoadedNetwork.Handshake, to receiver: LoadedNode, packets: Int, at now: Instant) {
    flights.append(
      Flight(
        handshake: handshake, receiver: receiver, packets: packets, end: now + Self.life, due: now + Self.firstPause,
        pause: Self.firstPause))
  }

  mutating func answered(_ handshake: LoadedNetwork.Handshake) { flights.removeAll { $0.handshake == handshake } }

  /// The client wants nothing more of these dials.
  mutating func keep(where isWanted: (LoadedNetwork.Handshake) -> Bool) { flights.removeAll { !isWanted($0.handshake) } }

  /// What is sent again now, and to whom.
  mutating func due(at now: Instant) -> [(receiver: LoadedNode, packets: Int)] {
    flights.removeAll { $0.end <= now }
    var due: [(receiver: LoadedNode, packets: Int)] = []
    for index in flights.indices where flights[index].due <= now {
      due.append((flights[index].receiver, flights[index].packets))
      flights[index].pause *= 2
      flights[index].due = now + flights[index].pause
    }
    return due
  }
}
