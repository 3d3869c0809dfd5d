import Memberlist
package import SerfPrimitives
package import SerfWire

/// Network coordinates, which acks carry (`serf.md` section 16).
extension NodeCore {
  // MARK: Questions

  /// This node's own coordinate.
  package func coordinate() throws(SerfCoreError) -> NodeCoordinate {
    guard configuration.coordinates.isEnabled else { throw .coordinatesOff }
    return coordinates.own
  }

  /// The last coordinate that a member has told, or this node's own; nil if there is none.
  package func cachedCoordinate(of node: NodeName) throws(SerfCoreError) -> NodeCoordinate? {
    let own = try coordinate()
    return node == name ? own : coordinates[node]
  }

  /// How long a packet takes between the two nodes and back, by their coordinates.
  package func roundTripEstimate(from node: NodeName, to other: NodeName) throws(SerfCoreError) -> Duration {
    guard let start = try cachedCoordinate(of: node) else { throw .coordinateUnknown(node) }
    guard let end = try cachedCoordinate(of: other) else { throw .coordinateUnknown(other) }
    return start.distance(to: end)
  }

  // MARK: Acks

  /// A member answered a probe. Nothing was measured if `roundTrip` is nil, because the ping may have waited for a dial; what the member says of itself
  /// holds nevertheless.
  mutating func coordinateReceived(_ payload: PacketSlot, from node: NodeName, roundTrip: Duration?) {
    // Erased members may still answer, and a row of theirs would stay.
    guard configuration.coordinates.isEnabled, table[node] != nil else { return }
    do throws(CoordinateProblem) {
      guard let coordinate = try Self.decode(membership.bytes(payload)) else { return }
      guard let roundTrip else { return coordinates.told(coordinate, by: node) }
      // Go takes zero for a round trip. It comes from a clock that stands still, and would move the coordinate as if two nodes were one.
      guard roundTrip > .zero, roundTrip <= Self.longestRoundTrip else { throw .roundTrip(roundTrip) }
      if coordinates.told(coordinate, by: node, after: roundTrip, random: &random) == .reset {
        counters.coordinateResets += 1
        diagnose(.coordinateReset(after: node))
      }
      tellOwnCoordinate()
    } catch {
      switch error {
      case .malformed: counters.coordinatesRejected += 1
      case .version: counters.coordinateVersionsUnknown += 1
      case .roundTrip: counters.roundTripsRejected += 1
      }
      diagnose(.coordinateRefused(node, error))
    }
  }

  /// Nil for a peer that keeps no coordinate: it sends an empty payload.
  private static func decode(_ payload: RawSpan) throws(CoordinateProblem) -> NodeCoordinate? {
    guard !payload.isEmpty else { return nil }
    let version = payload[checked: 0]
    guard version == CoordinateMessage.version else { throw .version(version) }
    do throws(WireError) { return try CoordinateMessage(decoding: payload).coordinate } catch { throw .malformed(error) }
  }

  /// What our acks carry from now on.
  mutating func tellOwnCoordinate() {
    guard configuration.coordinates.isEnabled else { return }
    var payload = takeScratch()
    CoordinateMessage(coordinates.own).encode(into: &payload)
    membership.setAckPayload(payload.span.bytes)
    scratch = payload
  }

  /// Ten seconds, as in Go: what takes longer says nothing about a network.
  private static var longestRoundTrip: Duration { .seconds(10) }
}

/// Why what came with an ack changed no coordinate.
package enum CoordinateProblem: Error, Hashable, Sendable {
  /// No coordinate, one of another dimension, or one with values that no node can have.
  case malformed(WireError)
  /// Of a version that we do not know.
  case version(UInt8)
  /// It took no time, or too long.
  case roundTrip(Duration)
}
