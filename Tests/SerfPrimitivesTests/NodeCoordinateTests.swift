import SerfPrimitives
import Testing

@Suite("a coordinate") struct NodeCoordinateTests {
  private func coordinate(
    _ vector: [Double], height: Double = 0, adjustment: Double = 0, error: Double = 1
  ) throws -> NodeCoordinate {
    try #require(Self.make(vector, height, adjustment, error))
  }

  private static func make(_ parts: [Double], _ height: Double, _ adjustment: Double, _ error: Double) -> NodeCoordinate? {
    var vector = InlineArray<8, Double>(repeating: 0)
    for (index, part) in parts.enumerated() { vector[index] = part }
    return NodeCoordinate(vector: vector, height: height, adjustment: adjustment, error: error)
  }

  @Test("is as far from another as their places are apart, plus both heights and both adjustments, in whole nanoseconds, from either side")
  func distance() throws {
    let (here, there) = ([-0.5, 1.3, 2.4], [1.2, -2.3, 3.4])
    func between(_ a: NodeCoordinate, _ b: NodeCoordinate) -> Int64 {
      #expect(a.distance(to: b) == b.distance(to: a))
      return a.distance(to: b).nanoseconds
    }
    #expect(try coordinate(here).rawDistance(to: coordinate(there)) == 4.104875150354758)
    #expect(try between(coordinate(here), coordinate(there)) == 4_104_875_150)
    #expect(try between(coordinate(here, adjustment: 0.1), coordinate(there, adjustment: 0.2)) == 4_404_875_150)
    #expect(try between(coordinate(here, height: 0.7), coordinate(there, height: 0.1)) == 4_904_875_150)
    #expect(try between(coordinate(here, adjustment: -9), coordinate(there)) == 4_104_875_150, "a correction to below zero does not count")
    #expect(try between(coordinate(here, adjustment: -1), coordinate(there)) == 3_104_875_150)
  }

  @Test("begins at the origin, without any certainty, two heights from its neighbours there")
  func origin() {
    #expect(NodeCoordinate.origin.error == 1.5)
    #expect(NodeCoordinate.origin.distance(to: .origin) == .microseconds(20))
    #expect(Self.make([], 1e-5, 0, 1.5) == .origin)
  }

  @Test("has no part that is not a number, negative where that makes no sense, or beyond ten seconds")
  func bounds() {
    for bad in [Double.nan, .signalingNaN, .infinity, -.infinity, 10.001, -10.001, 1e300, .greatestFiniteMagnitude] {
      for index in 0..<8 {
        var vector = [Double](repeating: 0, count: 8)
        vector[index] = bad
        #expect(Self.make(vector, 0, 0, 0) == nil)
      }
      #expect(Self.make([], bad, 0, 0) == nil)
      #expect(Self.make([], 0, bad, 0) == nil)
      #expect(Self.make([], 0, 0, bad) == nil)
    }
    for negative in [-1e-9, -.leastNonzeroMagnitude] {
      #expect(Self.make([], negative, 0, 0) == nil)
      #expect(Self.make([], 0, 0, negative) == nil)
    }
    #expect(Self.make([], 0, 0, 1.6) == nil)
    #expect(Self.make([Double](repeating: -10, count: 8), 10, -10, 1.5) != nil)
  }

  @Test("is never farther from another than 97 s, and never less than zero away")
  func extremes() throws {
    let corner = try coordinate([Double](repeating: 10, count: 8), height: 10, adjustment: 10)
    let opposite = try coordinate([Double](repeating: -10, count: 8), height: 10, adjustment: 10)
    #expect(corner.distance(to: opposite) < .seconds(97))
    #expect(try coordinate([], adjustment: -10).distance(to: coordinate([])) == .zero)
  }

  @Test("equals one of the same parts only")
  func equality() throws {
    let some = try coordinate([1, 2], height: 0.1, adjustment: 0.2, error: 0.3)
    #expect(try some == coordinate([1, 2], height: 0.1, adjustment: 0.2, error: 0.3))
    let others = try [
      coordinate([1, 3], height: 0.1, adjustment: 0.2, error: 0.3), coordinate([1, 2], height: 0.2, adjustment: 0.2, error: 0.3),
      coordinate([1, 2], height: 0.1, adjustment: 0.3, error: 0.3), coordinate([1, 2], height: 0.1, adjustment: 0.2, error: 0.4),
    ]
    #expect(!others.contains(some) && Set(others + [some, some]).count == 5)
  }
}
