import Memberlist
import SerfCore
import SerfPrimitives
import SerfSimulator
import Testing

/// Coordinates in a cluster in virtual time, with names that are proven by connections, as over QUIC, and without, as over TCP and UDP.
@Suite("the coordinates of a cluster") struct CoordinateClusterTests {
  private let names: [NodeName] = ["a", "b", "c", "d", "e"]

  private func cluster(provesNames: Bool) -> SimulatedCluster {
    var configuration = SerfCoreConfiguration.brisk
    configuration.membership.probe.interval = .milliseconds(250)
    configuration.reaping.failedTimeout = .seconds(5)
    return SimulatedCluster(seed: 6, provesNames: provesNames, configuration)
  }

  private func coordinate(of member: NodeName, on name: NodeName, in cluster: SimulatedCluster) throws -> NodeCoordinate? {
    try cluster.network.read(cluster[name]) { (node: borrowing SimulatedNode) throws(SerfCoreError) in
      try node.core.cachedCoordinate(of: member)
    }
  }

  private func estimate(_ one: NodeName, _ other: NodeName, by name: NodeName, in cluster: SimulatedCluster) throws -> Double {
    try cluster.network.read(cluster[name]) { (node: borrowing SimulatedNode) throws(SerfCoreError) in
      try node.core.roundTripEstimate(from: one, to: other).seconds
    }
  }

  @Test("come to say how long packets take, between a member and others and between these others", arguments: [false, true])
  func convergence(provesNames: Bool) throws {
    let cluster = cluster(provesNames: provesNames)
    cluster.network.conditions.latency = .microseconds(100)...(.microseconds(100))
    try cluster.start(joined: names)
    /// Puts the nodes on a line, this far apart from their neighbours, and checks all estimates of all nodes two minutes later.
    func check(_ spacing: Int, sourceLocation: SourceLocation = #_sourceLocation) throws {
      func distance(_ a: Int, _ b: Int) -> Duration { .milliseconds(spacing * (b - a)) }
      let pairs = names.indices.flatMap { a in names.indices.filter { $0 > a }.map { (a, $0) } }
      for (a, b) in pairs { cluster.network.setDistance(distance(a, b), between: cluster[names[a]], and: cluster[names[b]]) }
      cluster.run(.seconds(120))
      var greatest = 0.0
      for name in names {
        for (a, b) in pairs {
          let truth = (distance(a, b) * 2 + .microseconds(200)).seconds
          greatest = max(greatest, (try estimate(names[a], names[b], by: name, in: cluster) - truth).magnitude / truth)
        }
      }
      #expect(greatest < 0.1, "\(spacing) ms", sourceLocation: sourceLocation)
    }
    try check(10)
    // They follow the network.
    try check(20)
    for name in names {
      let counters = cluster.network.read(cluster[name]) { $0.core.counters }
      #expect(counters.coordinatesRejected == 0 && counters.roundTripsRejected == 0 && counters.coordinateResets == 0)
    }
  }

  @Test("of two members move off the origin, are known at both, and go when the member is forgotten", arguments: [false, true])
  func life(provesNames: Bool) throws {
    let cluster = cluster(provesNames: provesNames)
    try cluster.start(joined: ["a", "b"])
    // A connection that is not used for a while is repeated, and then nothing is measured.
    try cluster.require(.seconds(60), "both have moved") {
      ["a", "b"].allSatisfy { (name: NodeName) in
        cluster.network.read(cluster[name]) { (try? $0.core.coordinate()) != .origin && $0.core.knows(["a", "b"]) }
      }
    }
    #expect(try coordinate(of: "c", on: "a", in: cluster) == nil)
    cluster.network.crash(cluster["b"])
    try cluster.require(.seconds(60), "b is forgotten") { cluster.members(on: "a").count == 1 }
    #expect(try coordinate(of: "b", on: "a", in: cluster) == nil && coordinate(of: "a", on: "a", in: cluster) != nil)
  }

  @Test("are neither sent nor kept by a member that has them switched off; the others go on without it", arguments: [false, true])
  func off(provesNames: Bool) throws {
    let cluster = cluster(provesNames: provesNames)
    try cluster.start("off") { $0.coordinates.isEnabled = false }
    for name in ["a", "b"] as [NodeName] {
      try cluster.start(name)
      try cluster.join(name, to: "off")
    }
    try cluster.require(.seconds(60), "a and b know each other's") {
      ["a", "b"].allSatisfy { (name: NodeName) in cluster.network.read(cluster[name]) { $0.core.knows(["a", "b"]) } }
    }
    cluster.run(.seconds(10))
    for name in ["a", "b"] as [NodeName] {
      #expect(try coordinate(of: "off", on: name, in: cluster) == nil)
      #expect(cluster.alive(on: name).count == 3)
    }
    #expect(throws: SerfCoreError.coordinatesOff) { try coordinate(of: "a", on: "off", in: cluster) }
  }
}

extension NodeCore {
  fileprivate func knows(_ names: [NodeName]) -> Bool { names.allSatisfy { (try? cachedCoordinate(of: $0)) != .some(nil) } }
}
