internal import SerfPrimitives

/// What the endpoint's events mean for peers: packets and streams get their peer's name, and the pool is told of changes.
extension QUICPeers {
  func translate(_ event: QUICEvent) {
    switch event {
    case .established(let id, let role, let name, let address): established(id, role, name, address)
    case .confirmed(let id):
      guard let peer = peers[id] else { return }
      remember(endpoint.roundTrip(id), of: peer.address)
      events.append(.confirmed(peer, endpoint.role(of: id) ?? .client))
    case .hello(let id, let slot):
      if let peer = peers[id] { events.append(.hello(slot, from: peer)) }
    case .packet(let id, let slot):
      guard let peer = peers[id] else { return }
      pool.heard(id, at: now)
      events.append(.packet(slot, from: peer))
    case .exceeded(let id):
      if let peer = peers[id] { events.append(.exceeded(peer)) }
    case .packetNotSent(let id): notSent(id, .notSent)
    case .moved(let id, let address): peers[id]?.address = address
    case .closed(let id, let end): closed(id, end)
    case .turnedAway(let address, let end):
      for index in deferred.indices where deferred[index].address == address.canonical { deferred[index].until = now }
      startDeferredDials()
      events.append(.turnedAway(address, end))
    case .streamOpened(let quic): streamAccepted(quic)
    case .streamData(let quic, let slot, let end):
      guard let stream = tokens[quic] else { return endpoint.consumed(slot.count, on: quic) }
      pool.heard(quic.connection, at: now)
      if slot.count > 0 { events.append(.streamData(stream, slot)) }
      if end { events.append(.streamEnded(stream)) }
    case .streamReset(let quic, _), .streamStopped(let quic):
      if let stream = tokens[quic] { fail(stream, .broken) }
    case .streamSent(let quic, let count):
      if let stream = tokens[quic] { events.append(.streamSent(stream, count)) }
    case .streamWritable: break
    case .streamClosed(let quic):
      if let stream = tokens.removeValue(forKey: quic) { streams[stream] = nil }
    case .streamsAllowed(let id): openBlockedStreams(on: id)
    }
  }

  private func established(_ id: ConnectionID, _ role: QUICRole, _ name: NodeName, _ address: NodeAddress) {
    let peer = Peer(address: address, connection: id, provenName: name)
    let wasWarm = pool.isWarm(name)
    peers[id] = peer
    // It ends the dial that it came from, and one that waited for the peer's own.
    var dials: [ConnectionPool.DialID] = []
    if let dial = dialsByConnection.removeValue(forKey: id)?.dial {
      connectionsByDial[dial] = nil
      dials.append(dial)
    }
    if let index = deferred.firstIndex(where: { $0.expectation == .name(name) && $0.address == address.canonical }) {
      dials.append(deferred.remove(at: index).dial)
    }
    // Queued dials do not need their own handshake any more, unless they want a fresh one.
    dials += pool.queuedDials(to: name, at: address).filter { !freshDials.contains($0) }
    let startedAt = endpoint.startedAt(id) ?? now
    pool.opened(
      id, name: name, address: address, endOf: dials, took: role == .client ? now - startedAt : nil, startedAt: startedAt, at: now)
    // A handshake that began before our certificate changed has presented the old one.
    if !endpoint.presentsCurrentCredentials(id) { pool.renew(id, within: renewalTime, at: now) }
    if !wasWarm { events.append(.warmthChanged(name, isWarm: true)) }
    for dial in dials {
      freshDials.remove(dial)
      sendWaiting(dial, on: id)
    }
  }

  /// What waited for a dial is sent on the connection that ended the dial.
  private func sendWaiting(_ dial: ConnectionPool.DialID, on connection: ConnectionID) {
    guard var state = waiting.removeValue(forKey: dial) else { return }
    for packet in state.packets.takeAll(at: now) {
      let deadline = now + Self.sendingLimit(packet.id)
      if !endpoint.send(packet.bytes.span.bytes, on: connection, id: packet.id, deadline: deadline, isMoved: packet.isMoved) {
        notSent(packet.id, .notSent)
      } else if let id = packet.id {
        events.append(.packetDelayed(id))
      }
    }
    for stream in state.streams where streams[stream] != nil { open(stream, on: connection) }
  }

  private func streamAccepted(_ quic: QUICStreamID) {
    guard let peer = peers[quic.connection] else { return endpoint.reset(quic) }
    pool.heard(quic.connection, at: now)
    lastAccepted = lastAccepted.next
    streams[lastAccepted] = Stream(quic: quic, destination: .reply(peer), path: .warm, deadline: .distantFuture)
    tokens[quic] = lastAccepted
    events.append(.streamAccepted(lastAccepted, from: peer))
  }

  private func closed(_ id: ConnectionID, _ end: QUICEnd) {
    if let (dial, address, expectation) = dialsByConnection.removeValue(forKey: id) {
      connectionsByDial[dial] = nil
      // A target that is too busy now will have a place soon: what waits for the dial goes on waiting, within its own deadline.
      if end == .refusedByPeer, isWanted(dial), pool.dialRefused(dial, at: now) { return }
      failed(dial, end.contactFailure)
      events.append(.dialFailed(address, expectation, end))
      return
    }
    guard let peer = peers.removeValue(forKey: id) else { return }
    let link = pool.closed(id)
    for (quic, stream) in tokens.filter({ $0.key.connection == id }).sorted(by: { $0.value.value < $1.value.value }) {
      tokens[quic] = nil
      streams[stream] = nil
      events.append(.streamFailed(stream, end.contactFailure))
    }
    for (stream, connection) in blockedStreams where connection == id { fail(stream, end.contactFailure) }
    blockedStreams.removeAll { $0.connection == id }
    followUp(id, peer, end)
    events.append(.closed(peer, end))
    if let link, link.wasLast { events.append(.warmthChanged(link.name, isWarm: false)) }
  }

  /// After a reset or a shutdown, young packets go to the peer's next connection (`secure-transport.md` 2.4); otherwise they are lost.
  private func followUp(_ id: ConnectionID, _ peer: Peer, _ end: QUICEnd) {
    let mayFollow = end == .reset || end == .closedByPeer(.shutdown) || end == .closedByPeer(.none) || end == .closedByPeer(.replaced)
    var young: [(bytes: [UInt8], id: PacketID?)] = []
    endpoint.takeUnacknowledged(id, sentSince: now - pool.configuration.probeTimeout) { packet, id, _ in
      if mayFollow { young.append((packet.withUnsafeBytes { Array($0) }, id)) } else { notSent(id, end.contactFailure) }
    }
    guard let name = peer.provenName else { return }
    let address = pool.addressOf(name) ?? peer.address
    for packet in young { send(packet.bytes.span.bytes, to: .member(name, address), path: .warm, id: packet.id, isMoved: true) }
  }

  private func remember(_ roundTrip: Duration?, of address: NodeAddress) {
    guard let roundTrip else { return }
    if roundTrips.count >= Self.roundTripLimit { roundTrips.removeAll(keepingCapacity: true) }
    roundTrips[address] = min(max(roundTrip, Self.shortestRoundTrip), longestRoundTrip)
  }
}
