/// Why the agent does not run: one line with the cause and the next step.
package struct AgentFailure: Error, Hashable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}
