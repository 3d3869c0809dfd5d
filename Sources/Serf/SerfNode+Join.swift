public import SerfPrimitives

extension SerfNode {
  /// Joins the cluster through any of `addresses`: `host`, `host:port`, or `name/host:port` if the member that answers must have that name.
  ///
  /// Hosts are looked up by ``SerfConfiguration/resolver``, again at each call, and asked side by side, 16 addresses at once; an address that is
  /// given twice is asked once. After all look-ups are answered, a join takes no longer than one push/pull may take, or twice that over QUIC, however
  /// many addresses do not answer. A host with several addresses counts as one. Its next address, up to 16, is asked when those before it have failed
  /// or do not answer at once. A name that begins with `_` (`_serf._udp.example.com`) is looked up as an SRV record, which also gives the port.
  ///
  /// If the task is cancelled, the call throws `CancellationError` at once. While hosts are looked up, no member has been asked, and none is. Members that
  /// are being asked already may still answer, and then the node has joined.
  ///
  /// A list that all machines share may name this node too. Its own address counts neither as a success nor as a failure.
  ///
  /// - Parameters:
  ///   - addresses: members to contact, in the forms above.
  ///   - ignoreOld: whether user events from before the join are not delivered. Default true.
  /// - Returns: how many of `addresses` answered, each through one of the addresses that it stands for, and exchanged their member lists with us. 0
  ///   if no other member answered, and one of the addresses is this node's own; or if there are none.
  /// - Throws: ``SerfError`` alone: ``SerfError/Code/joinFailed`` when none did, with the reason for each in ``SerfError/attempts``;
  ///   ``SerfError/Code/state`` after ``leave()`` or ``shutdown()``; what ``start()`` throws. `CancellationError` when the task is cancelled.
  @discardableResult
  public func join(_ addresses: [String], ignoreOld: Bool = true) async throws -> Int {
    try await join(addresses, ignoreOld: ignoreOld) { _ in }
  }

  /// The same, and reports the result of each address as soon as it is known: this node's own with ``JoinAttempt/Reason/isSelf``.
  ///
  /// - Parameters:
  ///   - addresses: members to contact, as in ``join(_:ignoreOld:)``.
  ///   - ignoreOld: whether user events from before the join are not delivered. Default true.
  ///   - onAttempt: called for each address that has answered or failed, sometimes on the node's event loop, so it must not block. It may still be
  ///     called after the task was cancelled.
  /// - Throws: as ``join(_:ignoreOld:)``.
  @discardableResult
  public func join(
    _ addresses: [String], ignoreOld: Bool = true, onAttempt: @escaping @Sendable (JoinAttempt) -> Void
  ) async throws -> Int {
    let log = JoinLog(logger, name: name)
    return try await contact(
      addresses, ignoreOld: ignoreOld,
      report: { attempt in
        log.attempted(attempt)
        onAttempt(attempt)
      })
  }

  /// The same without a line in the log for each address.
  func contact(_ addresses: [String], ignoreOld: Bool, report: @escaping @Sendable (JoinAttempt) -> Void) async throws -> Int {
    let (bound, advertised) = try await call { driver, done in done(.success((driver.localAddress, driver.localMember?.address))) }
    let resolver = JoinAddressResolver(configuration, bound: bound, advertised: advertised)
    // A look-up by the system cannot be cancelled; a task group would wait for it.
    let attempts = try await Once.result { await resolver.resolve(addresses) }
    let ledger = JoinLedger(attempts, ownName: name, report: report)
    let targets = ledger.targets
    if !targets.isEmpty {
      try await call { driver, done in
        driver.join(targets, ignoreOld: ignoreOld, progress: { ledger.answered($0, agreement: driver.agreement) }) { result in
          done(result.map { ledger.ended($0, agreement: driver.agreement) })
        }
      }
    }
    let joined = ledger.joined
    JoinLog(logger, name: name).joined(through: joined)
    guard !joined.isEmpty || addresses.isEmpty || ledger.holdsOurselves else {
      let what = targets.isEmpty ? "can be used" : ledger.wasAnswered ? "accepted this node" : "answered"
      let failed = ledger.failed
      let reasons = failed.map(\.description).joined(separator: "; ")
      var error = SerfError(.joinFailed, "none of \(addresses.count) join addresses \(what): \(reasons)", attempts: failed)
      error.mayPass = ledger.mayPass
      throw error
    }
    return joined.count
  }
}
