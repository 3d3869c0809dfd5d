import OwnNames
import Serf
import SerfClient
import SerfTransport

/// A program's own names stay unambiguous beside all that the three libraries bring: each name here is the one of `OwnNames`.
func usesOwnNames() -> String {
  let parts: (Event, Member, Peer, Instant, Pattern) = (Event(), Member(), Peer(), Instant(), Pattern())
  let choices: (Destination, Compression, Protection) = (.home, .best, .full)
  let day = Duration.days(1)
  return escaped("\(parts) \(choices) \(day.seconds) \(day.milliseconds) \(day.nanoseconds)")
}

/// The library's own, by the names that it gives them.
func usesNamesOfTheLibrary(_ event: SerfEvent, _ peer: StreamLayer.Peer, _ now: StreamLayer.Instant, _ agent: AgentEvent) -> String {
  "\(event) \(peer.provenName ?? "nameless") \(now + .seconds(1)) \(agent.type)"
}

/// Operators come with the types.
func comparesNames(_ member: SerfMember, with text: String) -> Bool {
  switch member.name {
  case text: true
  case "n1": member.name != text
  default: text == member.name
  }
}
