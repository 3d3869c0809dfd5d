/// Why the agent does not run: one line with the cause and the next step. Settings that the library names are flags in it.
package struct AgentFailure: Error, Hashable, CustomStringConvertible {
  package let description: String
  /// Whether a later start may succeed: the machine has no address yet.
  package let mayPass: Bool

  package init(_ description: String, mayPass: Bool = false) {
    self.description = flagged(description)
    self.mayPass = mayPass
  }
}
