package import Serf
package import SerfClient
package import SerfCore

/// What the agent needs from a node: ``SerfNode``, or a stand-in in the tests of the RPC. Whatever a verb throws is shown as its description.
package protocol AgentNode: Sendable {
  /// All members that the node knows, sorted by name.
  func members() async throws -> [SerfMember]
  /// The node itself.
  func localMember() async throws -> SerfMember
  /// Contacts members; returns how many answered.
  func join(_ addresses: [String], ignoreOld: Bool) async throws -> Int
  /// How long the agent leaves the addresses of `-retry-join` alone after its start.
  func firstDialPause() async throws -> Duration
  /// Keeps dialling these for as long as the node lives.
  func keepSeeds(_ addresses: [String]) async
  /// Leaves the cluster; ends when the other members had a chance to hear it.
  func leave() async throws
  /// Stops at once.
  func shutdown() async
  func forceLeave(_ name: NodeName, prune: Bool) async throws
  func setTags(_ tags: [String: String]) async throws
  /// Changes the tags that the node has at that moment: those named in `deleting` are removed, then those in `setting` are added.
  func updateTags(setting: [String: String], deleting: [String]) async throws
  func userEvent(_ name: String, payload: [UInt8], coalesce: Bool) async throws
  /// Asks the cluster. The replies end with the query.
  func ask(
    _ name: String, payload: [UInt8], options: SerfQuery.Options
  ) async throws -> any AsyncSequence<AgentQueryReply, any Error> & Sendable
  /// Answers a query that ``subscription()`` has delivered.
  func answer(_ query: SerfQuery, with payload: [UInt8]) async throws
  /// The last coordinate that a member has told; nil if there is none.
  func cachedCoordinate(of name: NodeName) async throws -> NodeCoordinate?
  /// Asks all members to do this with their keyrings. `refusal` says why this node has none.
  func keyOperation(_ operation: KeyOperation) async throws -> (report: KeyReport, refusal: String?)
  /// What happens from now on.
  func subscription() -> any AsyncSequence<SerfEvent, Never> & Sendable
  /// What the RPC's `stats` says about the node: the section `serf`, and our own sections.
  func sections() async throws -> [String: [String: String]]
}
