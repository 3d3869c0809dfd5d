import Foundation
import SerfCore
import SerfPrimitives
import Testing

/// How near the estimates come to the truth, against the figures that Go's tests state (`serf.md` section 23), with some room: chance is another one here.
@Suite("the accuracy of coordinates") struct AccuracyTests {
  /// Clients that measure each other's true round trips, each with a filter as in a node.
  struct Clients {
    var tables: [CoordinateTable]
    let truth: (Int, Int) -> Double
    var random: SeededRandom

    init(_ count: Int, seed: UInt64 = 7, truth: @escaping (Int, Int) -> Double) {
      self.init(at: Array(repeating: .origin, count: count), seed: seed, truth: truth)
    }

    /// Clients at these places. If all are different and in one plane, they stay in it.
    init(at places: [NodeCoordinate], seed: UInt64 = 7, truth: @escaping (Int, Int) -> Double) {
      tables = places.map { CoordinateTable(at: $0) }
      self.truth = truth
      random = SeededRandom(seed: seed)
    }

    /// In each cycle every client measures its way to one that chance chooses.
    mutating func run(_ cycles: Int) {
      let names = tables.indices.map { NodeName("node-" + String($0)) }
      for _ in 0..<cycles {
        for client in tables.indices {
          let other = random.below(tables.count)
          guard other != client else { continue }
          let roundTrip = Duration.nanoseconds(Int64(truth(client, other) * 1e9))
          _ = tables[client].told(tables[other].own, by: names[other], after: roundTrip, random: &random)
        }
      }
    }

    /// The relative errors of all pairs.
    var errors: (average: Double, greatest: Double) {
      var (sum, greatest, count) = (0.0, 0.0, 0.0)
      for a in tables.indices {
        for b in tables.indices where b > a {
          let error = (tables[a].own.distance(to: tables[b].own).seconds - truth(a, b)).magnitude / truth(a, b)
          sum += error
          greatest = max(greatest, error)
          count += 1
        }
      }
      return (sum / count, greatest)
    }
  }

  @Test("ten nodes on a line")
  func line() {
    var clients = Clients(10) { a, b in Double((a - b).magnitude) * 0.010 }
    clients.run(1_000)
    #expect(clients.errors.average <= 0.0031 * 1.5 && clients.errors.greatest <= 0.0130 * 1.5, "\(clients.errors)")
  }

  @Test("twenty-five nodes in a square")
  func grid() {
    var clients = Clients(25) { a, b in
      let (x, y) = (Double(a % 5 - b % 5), Double(a / 5 - b / 5))
      return (x * x + y * y).squareRoot() * 0.010
    }
    clients.run(1_000)
    #expect(clients.errors.average <= 0.0016 * 1.5 && clients.errors.greatest <= 0.0230 * 1.5, "\(clients.errors)")
  }

  @Test("two sites of 1 ms with 10 ms between them")
  func split() {
    var clients = Clients(25) { a, b in (a <= 12) == (b <= 12) ? 0.001 : 0.011 }
    clients.run(1_000)
    #expect(clients.errors.average <= 0.000060 * 2 && clients.errors.greatest <= 0.00048 * 2, "\(clients.errors)")
  }

  @Test("round trips of 100 ± 10 ms that fit no space")
  func noise() {
    var random = SeededRandom(seed: 3)
    let times = (0..<625).map { _ in
      // Nearly normal: twelve uniform numbers.
      0.100 + 0.010 * ((0..<12).reduce(0.0) { sum, _ in sum + Double(random.next() >> 11) * 0x1p-53 } - 6)
    }
    var clients = Clients(25) { a, b in times[min(a, b) * 25 + max(a, b)] }
    clients.run(1_000)
    #expect(clients.errors.average <= 0.075 * 1.2 && clients.errors.greatest <= 0.33 * 1.2, "\(clients.errors)")
  }

  @Test("a node as far from each of a circle as they are across: in a plane it can only stand above them")
  func height() throws {
    let angle = { (node: Int) in 2 * Double.pi * Double(node) / 25 }
    let places = try (0..<25).map { node in try NodeCoordinate.at(1e-4 * cos(angle(node)), 1e-4 * sin(angle(node))) }
    var clients = Clients(at: places) { a, b in
      a == 0 || b == 0 ? 0.200 : 0.200 * sin(angle(b) / 2 - angle(a) / 2).magnitude
    }
    clients.run(1_000)
    #expect(clients.errors.average <= 0.0028 * 1.5 && clients.errors.greatest <= 0.064 * 1.5, "\(clients.errors)")
    let heights = clients.tables.map(\.own.height)
    #expect(heights[0] >= 0.097 / 1.1 && heights.dropFirst().allSatisfy { $0 <= 0.003 * 1.5 }, "\(heights)")
  }

  @Test("a square that begins far from the origin is drawn to it")
  func drift() throws {
    let places = try [NodeCoordinate.at(0), .at(0, 0.5), .at(0.5, 0.5), .at(0.5)]
    var clients = Clients(at: places) { a, b in (a + b) % 2 == 0 ? 0.5 * 2.0.squareRoot() : 0.5 }
    /// How far the middle of the square is from the origin.
    func distance(_ clients: Clients) -> Double {
      var sum = 0.0
      for index in 0..<2 {
        let parts = clients.tables.map { $0.own.vector[index] }
        let middle = ((parts.min() ?? 0) + (parts.max() ?? 0)) / 2
        sum += middle * middle
      }
      return sum.squareRoot()
    }
    clients.run(1_000)
    let before = distance(clients)
    clients.run(10_000)
    #expect(distance(clients) <= 0.85 * before, "\(before) \(distance(clients))")
  }
}
