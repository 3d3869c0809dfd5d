/// The conditions of a run, which all of its lines state.
struct Conditions {
  var nodes: Int
  var profile = "lan"
  var transport = BenchTransport.default
  var startedAtOnce = false
  /// How many other processes keep a processor busy.
  var busy = 0
  /// Seconds that the cluster is left alone before anything else is measured.
  var settle = 0
  /// How many events may wait for a receiver.
  var bufferLimit = 4_096

  /// The line of one scenario, to which it adds its own fields.
  func line(_ scenario: String) -> JSONLine {
    JSONLine()
      .adding("scenario", scenario).adding("nodes", nodes).adding("profile", profile).adding("impl", "swift-serf")
      .adding("transport", transport.rawValue).adding("started_at_once", startedAtOnce).adding("busy", busy).adding("settle", settle)
  }
}
