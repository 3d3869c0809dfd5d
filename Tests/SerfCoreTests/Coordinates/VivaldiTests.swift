import SerfCore
import SerfPrimitives
import Testing
import VectorSupport

@Suite struct VivaldiTests {
  private var random = SeededRandom(seed: 1)

  @Test("one client's updates give Go's results to the last bit, and the same distances to the nanosecond")
  mutating func vectors() throws {
    let steps = try Vectors.file("serf.json")["coordinates"]["steps"].array
    #expect(steps.count == 10)
    var table = CoordinateTable()
    var (moved, refused) = (0, 0)
    for step in steps {
      let roundTrip = Duration.nanoseconds(try #require(step["RTTns"].integer))
      guard let other = NodeCoordinate(step["Other"]), roundTrip <= .seconds(10) else {
        #expect(step["Err"].string != "")
        refused += 1
        continue
      }
      let name = NodeName(try #require(step["Node"].string))
      #expect(table.told(other, by: name, after: roundTrip, random: &random) == .moved)
      let expected = try #require(NodeCoordinate(step["Result"]))
      #expect(table.own == expected)
      #expect(table.own.distance(to: other).nanoseconds == Int64(try #require(step["DistToOtherNs"].integer)))
      #expect(table[name] == other)
      moved += 1
    }
    #expect(moved == 8 && refused == 2)
  }

  @Test("a longer round trip pushes the node away, a shorter one draws it nearer")
  mutating func direction() throws {
    let other = try NodeCoordinate.at(0.001)
    var client = Vivaldi()
    let start = client.coordinate.distance(to: other)
    _ = client.update(toward: other, roundTrip: .milliseconds(12), random: &random)
    #expect(client.coordinate.vector[0] < 0)
    let away = client.coordinate.distance(to: other)
    #expect(away > start)
    _ = client.update(toward: other, roundTrip: .microseconds(10), random: &random)
    #expect(client.coordinate.distance(to: other) < away)
  }

  @Test("nodes at one place part in a direction that chance chooses, by the length that the force has")
  mutating func coincidence() throws {
    var (a, b) = (Vivaldi(), Vivaldi())
    _ = a.update(toward: .origin, roundTrip: .milliseconds(10), random: &random)
    _ = b.update(toward: .origin, roundTrip: .milliseconds(10), random: &random)
    #expect(a.coordinate != b.coordinate)
    // A quarter of the difference to the 20 µs of two heights, weighted by a half; gravity takes next to nothing.
    for client in [a, b] { #expect((client.coordinate.length - 0.00124750).magnitude < 1e-7, "\(client.coordinate.length)") }
    #expect(a.coordinate.height == 1e-5, "without a direction there is no height")
  }

  @Test("the height grows with the force, and never sinks below 10 µs")
  mutating func height() throws {
    let other = try NodeCoordinate.at(0.01, height: 0.005, error: 0)
    var client = Vivaldi(at: try .at(0, height: 0.001))
    _ = client.update(toward: other, roundTrip: .milliseconds(32), random: &random)
    // The force is a quarter of 32 − 16 ms: (1 + 5) · 4 ÷ 10 + 1 ms.
    #expect((client.coordinate.height - 0.0034).magnitude < 1e-6)
    _ = client.update(toward: try .at(0.02, height: 0.05, error: 0), roundTrip: .microseconds(1), random: &random)
    #expect(client.coordinate.height == 1e-5)
  }

  @Test("a node far out is drawn back to the origin")
  mutating func gravity() throws {
    let far = try NodeCoordinate.at(9, 0, error: 0.1)
    var client = Vivaldi(at: far)
    // The round trip fits, so that nothing but gravity moves it.
    _ = client.update(toward: try .at(8.9, 0, error: 0.1), roundTrip: .nanoseconds(100_020_000), random: &random)
    let expected = 9 - (9.00002 / 150) * (9.00002 / 150)
    #expect((client.coordinate.vector[0] - expected).magnitude < 1e-6, "\(client.coordinate.vector[0])")
  }

  @Test("an estimate that is always wrong by the same time is adjusted by half of it at each end, over twenty round trips")
  mutating func adjustment() throws {
    // Certain of its place, the client does not move.
    var client = Vivaldi(at: try .at(0.05, error: 0))
    let other = try NodeCoordinate.at(0, error: 1.5)
    var adjustments: [Double] = []
    for _ in 0..<40 {
      _ = client.update(toward: other, roundTrip: .milliseconds(60), random: &random)
      adjustments.append(client.coordinate.adjustment)
    }
    #expect((adjustments[0] - 0.0099 / 40).magnitude < 1e-5)
    #expect((adjustments[19] - 0.00999 / 2).magnitude < 1e-5 && (adjustments[39] - adjustments[19]).magnitude < 1e-5, "\(adjustments)")
  }

  @Test("a result out of bounds puts the node back at the origin, and the next round trip moves it as the first one does")
  mutating func reset() throws {
    // Very near in the space and very high above it: the height would become thousands of seconds.
    let absurd = try NodeCoordinate.at(2e-6, height: 9, error: 0)
    var client = Vivaldi()
    #expect(client.update(toward: absurd, roundTrip: .milliseconds(1), random: &random) == .moved, "a negative force lowers it")
    client = Vivaldi()
    #expect(client.update(toward: absurd, roundTrip: .seconds(10), random: &random) == .reset)
    #expect(client.coordinate == .origin)
    let other = try NodeCoordinate.at(0.01)
    var fresh = Vivaldi()
    _ = fresh.update(toward: other, roundTrip: .milliseconds(20), random: &random)
    #expect(client.update(toward: other, roundTrip: .milliseconds(20), random: &random) == .moved)
    #expect(client.coordinate == fresh.coordinate)
  }

  @Test("whatever peers within the bounds say, the coordinate stays within them")
  mutating func hostile() throws {
    var client = Vivaldi()
    var (resets, escapes) = (0, 0)
    let extremes = [-10.0, -1e-6, 0, 1e-6, 2e-6, 0.01, 10]
    for _ in 0..<20_000 {
      func pick(_ values: [Double]) -> Double { values[random.below(values.count)] }
      var vector = InlineArray<8, Double>(repeating: 0)
      for index in vector.indices {
        // Often just beside our own place, where the forces are largest.
        vector[index] = random.chance(0.5) ? client.coordinate.vector[index] + pick([0, 1e-6, -2e-6]) : pick(extremes)
      }
      let other = NodeCoordinate(
        vector: vector, height: pick([0, 1e-5, 0.1, 10]), adjustment: pick(extremes), error: pick([0, 1e-9, 0.5, 1.5]))
      guard let other else { continue }
      let roundTrip = Duration.nanoseconds(1 + Int64(random.below(10)) * 1_111_111_111)
      if client.update(toward: other, roundTrip: roundTrip, random: &random) == .reset { resets += 1 }
      if !client.coordinate.isWithinBounds { escapes += 1 }
    }
    #expect(escapes == 0 && resets > 10, "\(resets) resets")
  }
}

@Suite struct LatencyFilterTests {
  @Test("gives the median of the last three round trips, and of two the longer one")
  func median() {
    var filter = LatencyFilter()
    let medians = [201, 200, 207, 1_900, 203, 199, 211].map { filter.median(adding: .milliseconds($0)).milliseconds }
    #expect(medians == [201, 201, 201, 207, 207, 203, 203])
  }
}

@Suite struct CoordinateTableTests {
  private var random = SeededRandom(seed: 1)

  @Test("filters the round trips of each member by themselves, and a forgotten member begins anew")
  mutating func filters() throws {
    let other = try NodeCoordinate.at(0.01)
    func move(_ table: inout CoordinateTable, _ name: NodeName, _ milliseconds: Int) -> NodeCoordinate {
      _ = table.told(other, by: name, after: .milliseconds(milliseconds), random: &random)
      return table.own
    }
    var (one, two, three) = (CoordinateTable(), CoordinateTable(), CoordinateTable())
    for milliseconds in [20, 20] {
      for name in ["a", "b"] as [NodeName] {
        _ = move(&one, name, milliseconds)
        _ = move(&two, name, milliseconds)
        _ = move(&three, name, milliseconds)
      }
    }
    #expect(move(&one, "a", 9_000) == move(&two, "a", 20), "one slow answer does not count")
    three.forget("a")
    #expect(three["a"] == nil && three.count == 1)
    #expect(move(&three, "a", 9_000) != one.own, "but the first one does")
  }
}
