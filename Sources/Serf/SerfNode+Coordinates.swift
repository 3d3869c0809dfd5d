public import SerfPrimitives

extension SerfNode {
  /// How long a packet takes to the member and back, by the coordinates of both. No packet is sent for it.
  ///
  /// ```swift
  /// let time = try await node.roundTripEstimate(to: "db-1")   // 0.0034 seconds
  /// ```
  /// It becomes good after some dozens of probes, in a minute or two, and follows the network from then on. An estimate that is a tenth off is usual.
  ///
  /// - Throws: ``SerfError`` alone: ``SerfError/Code/noCoordinate`` when the member has told none yet, keeps none, or is not known;
  ///   ``SerfError/Code/disabled`` when this node keeps none (``SerfSettings/Coordinates/isEnabled``); what ``members()`` throws. `CancellationError` when
  ///   the task is cancelled.
  public func roundTripEstimate(to name: NodeName) async throws -> Duration { try await roundTripEstimate(from: self.name, to: name) }

  /// The same, with the name as text, which ``NodeName/init(_:)`` reads.
  public func roundTripEstimate(to name: String) async throws -> Duration { try await roundTripEstimate(to: NodeName(name)) }

  /// How long a packet takes between two members and back, by the coordinates that they told this node.
  ///
  /// - Throws: as ``roundTripEstimate(to:)-(NodeName)``.
  public func roundTripEstimate(from name: NodeName, to other: NodeName) async throws -> Duration {
    try await call { driver, done in done(driver.roundTripEstimate(from: name, to: other)) }
  }

  /// The same, with the names as text, which ``NodeName/init(_:)`` reads.
  public func roundTripEstimate(from name: String, to other: String) async throws -> Duration {
    try await roundTripEstimate(from: NodeName(name), to: NodeName(other))
  }

  /// This node's own coordinate: at ``NodeCoordinate/origin`` until it has probed a member.
  ///
  /// - Throws: ``SerfError`` alone: ``SerfError/Code/disabled`` when it keeps none (``SerfSettings/Coordinates/isEnabled``); what ``members()`` throws.
  ///   `CancellationError` when the task is cancelled.
  public func coordinate() async throws -> NodeCoordinate {
    try await call { driver, done in done(driver.coordinate()) }
  }

  /// The last coordinate that a member has told this node, or this node's own; nil if there is none. It is forgotten together with the member.
  ///
  /// - Throws: as ``coordinate()``.
  public func cachedCoordinate(of name: NodeName) async throws -> NodeCoordinate? {
    try await call { driver, done in done(driver.cachedCoordinate(of: name)) }
  }

  /// The same, with the name as text, which ``NodeName/init(_:)`` reads.
  public func cachedCoordinate(of name: String) async throws -> NodeCoordinate? { try await cachedCoordinate(of: NodeName(name)) }
}
