package import Serf

/// Makes the node of an agent; the seam between the agent and its transport.
package protocol NodeStarter: Sendable {
  /// Binds the transport and starts the node, with all steps that can fail.
  func start(_ configuration: AgentConfiguration, log: AgentLog) async throws(AgentFailure) -> StartedNode
}

/// A running node, and what the agent needs for it besides the verbs.
package struct StartedNode: Sendable {
  package let node: any AgentNode
  /// Its events from before the start.
  package let events: any AsyncSequence<SerfEvent, Never> & Sendable
  /// Where the node is bound, with the port that the kernel chose.
  package let bindAddress: NodeAddress
  package let name: NodeName
  /// How the node proves its name, for the banner: `mutual TLS, cluster 'default'`.
  package let protection: String
  /// Returns when the node has stopped: nil, or why.
  package let ended: @Sendable () async -> String?
  /// Loads the credential files again.
  package let reloadCredentials: @Sendable (AgentConfiguration) async throws(AgentFailure) -> Void

  package init(
    node: any AgentNode, events: any AsyncSequence<SerfEvent, Never> & Sendable, name: NodeName, bindAddress: NodeAddress,
    protection: String,
    ended: @escaping @Sendable () async -> String?,
    reloadCredentials: @escaping @Sendable (AgentConfiguration) async throws(AgentFailure) -> Void
  ) {
    self.node = node
    self.events = events
    self.name = name
    self.bindAddress = bindAddress
    self.protection = protection
    self.ended = ended
    self.reloadCredentials = reloadCredentials
  }
}
