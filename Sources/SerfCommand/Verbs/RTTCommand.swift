import ArgumentParser
import SerfClient
package import SerfPrimitives

/// `serf rtt`: how long a packet takes between two members and back, by their coordinates.
struct RTTCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rtt", abstract: "Estimates network round trip time between nodes", usage: "serf rtt [options] <name> [<name>]",
    discussion: """
      With one name, the other member is the agent itself. Nothing is measured for it: members learn of round trips from their probes, so the \
      estimate becomes good a minute or two after both have started.
      """)

  @Option(help: "text or json.") var format = OutputFormat.text
  @OptionGroup var rpc: RPCOptions
  @Argument(help: "Members' names, as 'serf members' prints them.") var names: [String] = []

  func run() async throws {
    guard let name = names.first, names.count <= 2 else {
      throw CommandFailure("one or two members' names are expected, not \(names.count); 'serf members' lists them")
    }
    let places = try await rpc.withClient("estimating the round trip") { client in
      let other = names.count == 2 ? names[1] : try await client.stats()["agent", "name"] ?? ""
      var places: [(name: NodeName, coordinate: NodeCoordinate?)] = []
      for name in [name, other].map({ NodeName($0) }) { places.append((name, try await client.coordinate(of: name))) }
      return places
    }
    let known = try places.map { place in
      guard let coordinate = place.coordinate else {
        throw CommandFailure(
          "the agent has no coordinate of '\(place.name)': it is no member, keeps none, or has not been probed yet; 'serf members' lists the names"
        )
      }
      return (name: place.name, coordinate: coordinate)
    }
    let estimate = RoundTripEstimate(known[0], known[1])
    Terminal.output(format == .json ? estimate.json.text : estimate.text)
  }
}

/// The output of `rtt`.
package struct RoundTripEstimate {
  package typealias Place = (name: NodeName, coordinate: NodeCoordinate)

  let from: NodeName
  let to: NodeName
  let nanoseconds: Int64

  package init(_ from: Place, _ to: Place) {
    self.from = from.name
    self.to = to.name
    nanoseconds = from.coordinate.distance(to: to.coordinate).nanoseconds
  }

  /// Go's line: milliseconds with three digits behind the point.
  package var text: String {
    let (milliseconds, microseconds) = ((nanoseconds + 500) / 1_000).quotientAndRemainder(dividingBy: 1_000)
    let digits = String(microseconds)
    return "Estimated \(from) <-> \(to) rtt: \(milliseconds).\(String(repeating: "0", count: 3 - digits.count))\(digits) ms"
  }

  package var json: OrderedJSON {
    .object([("from", Self.json(from)), ("to", Self.json(to)), ("rtt_ns", .number(Int(nanoseconds)))])
  }

  private static func json(_ name: NodeName) -> OrderedJSON {
    .string(String(validating: name.bytes, as: UTF8.self) ?? name.description)
  }
}
