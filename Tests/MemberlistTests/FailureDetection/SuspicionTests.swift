import Memberlist
import SerfPrimitives
import Testing
import VectorSupport

@Suite struct SuspicionTests {
  static let tables = try? Vectors.file("memberlist.json")["algorithm_tables"]

  @Test("the shortest wait grows with the logarithm of the cluster: the table of the Go code")
  func minimum() throws {
    let table = try #require(Self.tables)["suspicion_timeout_mult4_interval1s_ms"].object
    #expect(table.count == 12)
    for (nodes, milliseconds) in table {
      let minimum = Suspicion.minimum(multiplier: 4, nodes: try #require(Int(nodes)), interval: .seconds(1))
      #expect(minimum == .milliseconds(try #require(milliseconds.integer)), "\(nodes) nodes")
    }
  }

  @Test("confirmations shorten the wait: the tables of the Go code")
  func remaining() throws {
    let tables = try #require(Self.tables)
    var rows = 0
    for (name, expected, minimum, maximum) in [
      ("suspicion_remaining_k3_min5s_max30s_elapsed0_ms", 3, 5, 30), ("suspicion_remaining_k2_min4s_max24s_elapsed0_ms", 2, 4, 24),
    ] {
      for (confirmations, milliseconds) in tables[name].object {
        let timeout = Suspicion.timeout(
          confirmations: try #require(Int(confirmations)), expected: expected, minimum: .seconds(minimum), maximum: .seconds(maximum))
        #expect(timeout == .milliseconds(try #require(milliseconds.integer)), "\(name) \(confirmations)")
        rows += 1
      }
    }
    for row in tables["suspicion_remaining_k3_min2s_max30s"].array {
      let timeout = Suspicion.timeout(
        confirmations: try #require(row["n"].integer), expected: 3, minimum: .seconds(2), maximum: .seconds(30))
      let elapsed = Duration.milliseconds(try #require(row["elapsed_ms"].integer))
      #expect(timeout - elapsed == .milliseconds(try #require(row["remaining_ms"].integer)), "\(row)")
      rows += 1
    }
    #expect(rows == 15)
  }

  private func suspicion(expected: Int) -> Suspicion {
    Suspicion(accuser: "a", carrier: nil, expected: expected, minimum: .seconds(5), maximum: .seconds(30), at: .zero)
  }

  private func confirm(_ suspicion: inout Suspicion, _ accuser: NodeName, carrier: NodeName? = nil) -> Instant? {
    suspicion.confirm(by: accuser, carrier: carrier)
  }

  @Test("independent voices shorten it, repeats and the first accuser do not, extra ones are refused")
  func confirmations() {
    var suspicion = suspicion(expected: 3)
    #expect(suspicion.deadline == .zero + .seconds(30))
    #expect(confirm(&suspicion, "a") == nil)
    #expect(confirm(&suspicion, "b") == .zero + .milliseconds(17_500))
    #expect(confirm(&suspicion, "b") == nil)
    #expect(confirm(&suspicion, "c") == .zero + .milliseconds(10_187))
    #expect(confirm(&suspicion, "d") == .zero + .seconds(5))
    #expect(confirm(&suspicion, "e") == nil)
    #expect(suspicion.confirmations == 3)
  }

  @Test("with no member to confirm the wait is the shortest at once")
  func zero() {
    var suspicion = suspicion(expected: 0)
    #expect(suspicion.deadline == .zero + .seconds(5))
    #expect(confirm(&suspicion, "b") == nil)
  }

  @Test("one peer that brings many accusers is one voice")
  func carriers() {
    var suspicion = suspicion(expected: 3)
    #expect(confirm(&suspicion, "b", carrier: "x") != nil)
    #expect(confirm(&suspicion, "c", carrier: "x") == nil)
    #expect(confirm(&suspicion, "c", carrier: "y") != nil, "what came through x did not use up c's voice")
    #expect(suspicion.confirmations == 2)
  }

  @Test("a cluster too small to confirm is not waited for", arguments: [(3, 0), (4, 2), (100, 2)])
  func expected(nodes: Int, expected: Int) {
    // memberlist: k = mult − 2, or 0 when n − 2 < k.
    #expect(Suspicion.expectedConfirmations(multiplier: 4, nodes: nodes) == expected)
  }

  @Test("multipliers below 2 expect no confirmations", arguments: [0, 1, 2])
  func small(multiplier: Int) { #expect(Suspicion.expectedConfirmations(multiplier: multiplier, nodes: 50) == 0) }
}
