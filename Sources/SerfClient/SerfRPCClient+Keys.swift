/// The keys that encrypt the cluster's traffic (`agent.md` section 2). Each call asks all members, which takes up to the time of a query.
extension SerfRPCClient {
  /// Adds a key, in base64, to the keyrings of all members.
  ///
  /// - Throws: ``SerfRPCError/keysRefused(_:_:)`` when not every member has done it; what each said is in it. The others have done it.
  @discardableResult
  public func installKey(_ key: String) async throws -> AgentKeys { try await keys(.installKey, KeyRequest(key: key).encoded) }

  /// Makes a key, which all members have, the primary one at all of them.
  ///
  /// - Throws: as ``installKey(_:)``.
  @discardableResult
  public func useKey(_ key: String) async throws -> AgentKeys { try await keys(.useKey, KeyRequest(key: key).encoded) }

  /// Takes a key out of the keyrings of all members.
  ///
  /// - Throws: as ``installKey(_:)``.
  @discardableResult
  public func removeKey(_ key: String) async throws -> AgentKeys { try await keys(.removeKey, KeyRequest(key: key).encoded) }

  /// Which keys the members have.
  ///
  /// - Throws: as ``installKey(_:)``.
  public func listKeys() async throws -> AgentKeys { try await keys(.listKeys, []) }
}
